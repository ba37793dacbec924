"""`GET /events`: everything that happens to the jobs that the caller may see, as server-sent events."""

from collections.abc import AsyncGenerator, Callable
from typing import Final

import orjson

from jobgate.broker import BrokerError, FeedCursor, Happening, HappeningKind, Onlooker
from jobgate.gateway.context import Call
from jobgate.gateway.events import BEGIN, HEARTBEAT, QUIET, Stream, event_text
from jobgate.gateway.functions import why_not_function
from jobgate.gateway.handlers.change_stream import change_stream, why_not_every
from jobgate.gateway.handlers.event_stream import may_still_read, stream_answer
from jobgate.gateway.http import Answer, read_query
from jobgate.gateway.jobs import moment, shown

#: Seconds until the beginning of a stream is looked for again.
_PAUSE: Final = 1.0


async def all_events(call: Call) -> Answer:
    """Answer 200 with the stream, which has no end of its own: of single events, or of what has changed."""
    call.caller.require("read")
    queue = call.gateway.queues.why_not_shown
    given = read_query(call.query, {"queue": queue, "function": why_not_function, "every": why_not_every})
    call.gateway.streams.require_place(call.caller)
    if "every" in given:
        return change_stream(call, given)
    stream = _FeedStream(call, given.get("queue"), given.get("function"))
    stream.answer = stream_answer(stream.pieces())
    return stream.answer


class _FeedStream:
    """The events of one reader.

    Args:
        call: The request.
        queue: The only queue that is shown; None = all.
        function: The only function; None = all.
    """

    def __init__(self, call: Call, queue: str | None, function: str | None) -> None:
        self._call = call
        self._queue = queue
        self._function = function
        self._seen = FeedCursor.of(call.request.headers.get("Last-Event-ID", ""))
        self.answer: Answer | None = None

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the text of the stream."""
        call = self._call
        with call.gateway.streams.open(call.caller, lambda: may_still_read(call)) as stream:
            onlooker = self._onlooker(stream.wake)
            with call.gateway.feed.look_on(onlooker):
                yield BEGIN
                async for text in self._beginning(stream, onlooker):
                    yield text
                while stream.farewell is None:
                    happening = onlooker.take()
                    if happening is not None:
                        yield self._text(happening)
                    elif not await stream.wait(QUIET):
                        yield HEARTBEAT
                yield stream.farewell
        if self.answer:
            self.answer.keep_alive = False

    def _onlooker(self, notify: Callable[[], None]) -> Onlooker:
        return Onlooker(
            queue=self._queue, function=self._function, sees=self._call.caller.sees, notify=notify
        )

    async def _beginning(self, stream: Stream, onlooker: Onlooker) -> AsyncGenerator[bytes, None]:
        """Yield where the stream begins, or what has ended since the caller left and that this is not all."""
        while onlooker.begin is None and stream.farewell is None:
            await stream.wait(_PAUSE)
            if stream.owes_heartbeat():
                yield HEARTBEAT
        if onlooker.begin is None:
            return
        if self._seen is None:
            # An event without data: clients keep its id, and show nothing.
            yield f"id: {_id(onlooker.begin)}\n\n".encode()
            return
        yield self._text(Happening(kind=HappeningKind.GAP, cursor=self._seen))
        while stream.farewell is None:
            try:
                missed = await self._call.gateway.feed.ends_between(onlooker, self._seen)
            except BrokerError:
                await stream.wait(_PAUSE)
                if stream.owes_heartbeat():
                    yield HEARTBEAT
                continue
            for happening in missed:
                yield self._text(happening)
            return

    def _text(self, happening: Happening) -> bytes:
        """Return an event; all readers share those of jobs."""
        if happening.kind is HappeningKind.GAP:
            # How much others do is not shown to those who see only their own jobs.
            missed = happening.missed if self._call.caller.only_owner is None else None
            return event_text("gap", _id(happening.cursor), orjson.dumps({"missed": missed}))
        happening.text = happening.text or _text_of(happening)
        return happening.text


def _text_of(happening: Happening) -> bytes:
    data = {
        "job_id": shown(happening.job_id),
        "function": shown(happening.function),
        "queue": shown(happening.queue),
        "time": moment(happening.time_ms),
        "success": happening.success,
    }
    return event_text(happening.kind.value, _id(happening.cursor), orjson.dumps(data))


def _id(cursor: FeedCursor) -> str:
    """Return a cursor as an id: without line ends, which a job id of stock arq may have."""
    text = str(cursor)
    return text if text.isascii() and text.isprintable() else str(FeedCursor(cursor.time_ms))
