"""A reader of server-sent events over a plain connection, which shows every line that arrives."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import aiohttp

from jobgate.client.http.event_parser import EventParser

#: Seconds for an event that must come, on a slow machine.
PATIENCE = 30.0


class Seen(NamedTuple):
    """One event."""

    kind: str
    data: Any
    cursor: str

    @property
    def brief(self) -> tuple[str, Any, Any]:
        """Its kind, and status and try of the job."""
        return self.kind, self.data.get("status"), self.data.get("try")


@dataclass
class EventReader:
    """The events of one response."""

    answer: aiohttp.ClientResponse
    parser: EventParser
    #: All text so far.
    text: bytes = b""
    _events: AsyncIterator[Seen] | None = None

    async def begun(self) -> None:
        """Return when a stream of all events shows what happens from now on."""
        while b"id: " not in self.text:
            self.text += await asyncio.wait_for(self.answer.content.readany(), PATIENCE)
        list(self.parser.feed(self.text))

    async def next(self, timeout: float = PATIENCE) -> Seen:
        """Return the next event; raises StopAsyncIteration at the end of the stream."""
        async with asyncio.timeout(timeout):
            return await anext(self)

    async def rest(self, timeout: float = PATIENCE) -> list[Seen]:
        """Return all events until the end."""
        async with asyncio.timeout(timeout):
            return [each async for each in self]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Seen:
        if self._events is None:
            self._events = self._read()
        return await anext(self._events)

    async def _read(self) -> AsyncIterator[Seen]:
        async for piece in self.answer.content.iter_any():
            self.text += piece
            for event in self.parser.feed(piece):
                yield Seen(event.kind, json.loads(event.data), event.last_id)


@asynccontextmanager
async def events_of(
    session: aiohttp.ClientSession, url: str, *, after: str = "", **headers: str
) -> AsyncIterator[EventReader]:
    """Open a stream; `after` is the cursor that it resumes from."""
    sent = {**headers, **({"Last-Event-ID": after} if after else {})}
    async with session.get(url, headers=sent, timeout=aiohttp.ClientTimeout(total=None)) as answer:
        yield EventReader(answer, EventParser(after))
