"""`GET /events?every=N`: what has changed, merged into one event in N seconds at most, for dashboards.

Those who may see all jobs share the beats of a pulse, whose cost does not grow with what happens. For
those who may see only their own, the single events of the feed are counted.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final, Protocol

import orjson

from jobgate.broker import Changes, FeedCursor, JobEnd, Onlooker, PulseReader
from jobgate.gateway.context import Call
from jobgate.gateway.events import BEGIN, HEARTBEAT, QUIET, OwnChanges, Stream, event_text
from jobgate.gateway.handlers.event_stream import may_still_read, stream_answer
from jobgate.gateway.http import Answer, StreamedAnswer
from jobgate.gateway.jobs import moment, shown

#: Seconds that a caller may ask for.
_SHORTEST, _LONGEST = 1, 30
_GAP: Final = b'{"missed":null}'


class _Source(Protocol):
    """Where changes come from."""

    @property
    def begin(self) -> FeedCursor | None:
        """When it began; None = it has not begun yet."""

    def take(self) -> Changes:
        """Return what has changed since this was called last."""


def why_not_every(text: str) -> str | None:
    """Return what is wrong with the `every` of a query."""
    if text.isascii() and text.isdigit() and len(text) < 3 and _SHORTEST <= int(text) <= _LONGEST:
        return None
    return f"It must be a whole number of seconds from {_SHORTEST} to {_LONGEST}."


def change_stream(call: Call, given: Mapping[str, str]) -> Answer:
    """Return the answer with the stream.

    Args:
        call: The request.
        given: Its query, which was checked.
    """
    stream = _ChangeStream(call, given)
    stream.answer = stream_answer(stream.pieces())
    return stream.answer


class _ChangeStream:
    """The events of one reader."""

    def __init__(self, call: Call, given: Mapping[str, str]) -> None:
        self._call = call
        self._queue, self._function = given.get("queue"), given.get("function")
        self._every = float(given["every"])
        self._cursor = FeedCursor(0)
        self.answer: StreamedAnswer | None = None

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the text of the stream."""
        call = self._call
        with call.gateway.streams.open(call.caller, lambda: may_still_read(call)) as stream:
            yield BEGIN
            with self._source(stream) as source:
                while source.begin is None and stream.farewell is None:
                    if not await stream.wait(QUIET):
                        yield HEARTBEAT
                if source.begin is not None:
                    self._cursor = source.begin
                    yield self._first()
                async for text in self._events(stream, source):
                    yield text
            yield stream.farewell or b""
        if self.answer:
            self.answer.keep_alive = False

    @contextmanager
    def _source(self, stream: Stream) -> Iterator[_Source]:
        gateway, caller = self._call.gateway, self._call.caller
        queue, function, notify = self._queue, self._function, stream.wake
        if caller.only_owner is None:
            reader = PulseReader(queue=queue, function=function, every=self._every, notify=notify)
            with gateway.pulse.look_on(reader):
                yield reader
            return
        onlooker = Onlooker(queue=queue, function=function, sees=caller.sees, notify=notify)
        with gateway.feed.look_on(onlooker):
            yield OwnChanges(onlooker)

    def _first(self) -> bytes:
        """Return where the stream begins; a reader that reconnects learns that something may be missing."""
        if "Last-Event-ID" in self._call.request.headers:
            return event_text("gap", str(self._cursor), _GAP)
        # An event without data: clients keep its id, and show nothing.
        return f"id: {self._cursor}\n\n".encode()

    async def _events(self, stream: Stream, source: _Source) -> AsyncGenerator[bytes, None]:
        clock = asyncio.get_running_loop().time
        due = clock()
        while stream.farewell is None:
            if (left := due - clock()) > 0:
                await stream.wait(left)
            elif not (changes := source.take()).is_empty:
                due = clock() + self._every
                yield self._text(changes)
            elif not await stream.wait(QUIET):
                yield HEARTBEAT

    def _text(self, changes: Changes) -> bytes:
        if changes.ends:
            self._cursor = FeedCursor(max(self._cursor.time_ms, changes.ends[0].time_ms))
        cursor = str(self._cursor)
        gap = event_text("gap", cursor, _GAP) if changes.has_gap else b""
        document = {
            "queues": [{"queue": shown(name), **asdict(counts)} for name, counts in changes.queues.items()],
            "ended": [_ended(end) for end in changes.ends],
        }
        return gap + event_text("changes", cursor, orjson.dumps(document))


def _ended(end: JobEnd) -> dict[str, Any]:
    return {
        "job_id": shown(end.job_id),
        "function": shown(end.function),
        "queue": shown(end.queue),
        "time": moment(end.time_ms),
        "success": end.success,
    }
