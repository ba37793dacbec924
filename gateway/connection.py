"""Connections: what aiohttp's own lack, deadlines for headers and one line per malformed request."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp.web import BaseRequest, Server, StreamResponse
from aiohttp.web_protocol import RequestHandler

from jobgate.gateway.access import UNMATCHED
from jobgate.gateway.answers import Answer
from jobgate.gateway.door import problem_answer
from jobgate.gateway.logs import SparseLog
from jobgate.gateway.metrics import Meter
from jobgate.gateway.problems import Problem
from jobgate.gateway.settings import GatewaySettings

logger = logging.getLogger("jobgate.gateway.http")

#: After an answer to a request whose body was not read, so that the client can read it before the end.
_LINGER = 1.0


class Connection(RequestHandler):
    """One connection of a client."""

    __slots__ = ("_header_timer", "_server")

    def __init__(self, server: "GatewayServer", *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(server, loop=loop, **options)
        self._server = server
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the first request's headers have to be here within the deadline."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes. Those that do not complete a request's headers start the deadline for them."""
        super().data_received(data)
        if self._messages or self._current_request is not None:
            if self._header_timer is not None:
                self._disarm()
        elif self._header_timer is None:
            self._arm()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on after a pause. aiohttp asks for it after each read of a body, paused or not."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """Answer what is not HTTP. aiohttp logs a traceback for each, which makes every scanner a flood."""
        server = self._server
        server.meter.malformed += 1
        server.meter.request(UNMATCHED, 400, 0.0)
        server.log.line("malformed request from %s: %s", request.remote, type(exc).__name__)
        identity = next(server.request_ids)
        answer = problem_answer(Problem("malformed-request"), identity)
        answer.request_id = identity
        return as_response(answer)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what aiohttp could not handle as one line."""
        self._server.log.line("malformed request: %s", type(kw.get("exc_info")).__name__)

    def _arm(self) -> None:
        self._header_timer = self._loop.call_later(self._server.header_deadline, self._headers_are_late)

    def _disarm(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_are_late(self) -> None:
        self._header_timer = None
        if not self._messages and self._current_request is None:
            self.force_close()


class GatewayServer(Server):
    """Makes the connections of one listening socket."""

    def __init__(
        self,
        handle: Callable[[BaseRequest], Awaitable[Answer]],
        *,
        settings: GatewaySettings,
        meter: Meter,
        request_ids: Any,
    ) -> None:
        # A client that hangs up cancels its handler, so that a wait frees its place at once. Transitions
        # of the broker go on: a caller that is cancelled loses the answer only.
        super().__init__(
            cast("Callable[[BaseRequest], Awaitable[StreamResponse]]", handle), handler_cancellation=True
        )
        self.header_deadline = settings.header_deadline
        self.meter = meter
        self.log = SparseLog(logger)
        self.request_ids = request_ids
        self._options = {
            "keepalive_timeout": settings.keepalive,
            "lingering_time": _LINGER,
            "auto_decompress": False,
            "access_log": None,
            "logger": logger,
        }

    def __call__(self) -> RequestHandler:
        """A connection for a client that has just come."""
        return Connection(self, loop=self._loop, **self._options)


def as_response(answer: Answer) -> StreamResponse:
    """An `Answer` where aiohttp's types ask for a response; it has what a connection uses of one."""
    return cast(StreamResponse, answer)
