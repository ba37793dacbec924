"""Server-sent events of a gateway, over as many connections as it takes."""

import logging
from collections.abc import AsyncGenerator
from time import monotonic
from typing import Final

from jobgate.client.errors import GatewayUnavailable
from jobgate.client.http.connection import Exchange, Failure
from jobgate.client.http.event_parser import EventParser, ServerEvent
from jobgate.client.time_budget import Retries, TimeBudget

logger = logging.getLogger("jobgate.client")

#: Seconds of silence after which a connection counts as lost: gateways send something every 15 s.
SILENCE: Final = 40.0
#: Seconds until a stream that the gateway has ended is resumed, unless it says how long.
PAUSE: Final = 1.0
#: A connection that lasted for so many seconds was a success, even without an event.
_LONG: Final = 5.0


class EventStream:
    """The events of one path; a connection that is lost is replaced, and resumed where it was.

    Args:
        exchange: Sends the requests.
        path: Below the base URL, percent-encoded, with query.
        retry_for: Seconds for which it tries to connect again.
    """

    def __init__(self, exchange: Exchange, path: str, *, retry_for: float) -> None:
        self._exchange = exchange
        self._path = path
        self._retry_for = retry_for
        self._last_id = ""
        self._retries: Retries | None = None

    async def events(self) -> AsyncGenerator[ServerEvent, None]:
        """Yield the events, until the gateway says that there are no more.

        Raises:
            GatewayUnavailable: There was no connection for too long.
            JobgateError: The gateway refuses.
        """
        while True:
            parser = EventParser(self._last_id)
            headers = {"Accept": "text/event-stream"}
            if self._last_id:
                headers["Last-Event-ID"] = self._last_id
            opened: float | None = None
            try:
                async with self._exchange.stream(self._path, headers, silence=SILENCE) as body:
                    if body is None:
                        return
                    opened = monotonic()
                    async for piece in body.iter_any():
                        for event in parser.feed(piece):
                            self._last_id, self._retries = event.last_id, None
                            yield event
                end = Failure(_ended(), reason="connection", lost=False, retry_after=parser.retry or PAUSE)
            except Failure as failure:
                end = failure
            self._last_id = parser.last_id
            if opened is not None and monotonic() - opened > _LONG:
                self._retries = None
            await self._pause(end)

    async def _pause(self, end: Failure) -> None:
        """Return when it is time to connect again; raise the last error if it is too late for that."""
        if self._retries is None:
            self._retries = Retries(TimeBudget(self._retry_for))
        if end.is_hopeless or not await self._retries.pause(end.retry_after):
            raise end.error from None
        logger.debug("an event stream is resumed: %.500r", str(end.error))
        self._exchange.note_retry(end.reason)


def _ended() -> GatewayUnavailable:
    return GatewayUnavailable("The gateway has ended the event stream, and does not resume it.")
