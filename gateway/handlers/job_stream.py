"""`GET /jobs/{job_id}/events`: a job as a stream of server-sent events.

Each event shows the whole state of the job, so a client that misses some of them misses nothing in the end.
The id of an event names that state: a client that reconnects with it gets the state only if it differs.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Final, NamedTuple

from jobgate.broker import BrokerError, DataSetChanged, FollowedJob, JobStates, JobView
from jobgate.gateway.context import Call
from jobgate.gateway.events import BEGIN, HEARTBEAT, QUIET, Stream, event_text
from jobgate.gateway.handlers.event_stream import may_still_read, stream_answer
from jobgate.gateway.http import Answer, Problem
from jobgate.gateway.jobs import (
    broker_problem,
    job_if_visible,
    job_of_view,
    require_for_job,
    to_json,
    visible_job,
)

#: Seconds until a job is read again after Redis did not answer.
_PAUSE: Final = 1.0


async def job_events(call: Call) -> Answer:
    """Answer 200 with the stream, or 204 if the caller has seen the end of the job."""
    data_set = call.gateway.broker.data_set.known
    scope, view = await call.deadline.within(_looked_up(call))
    stream = _JobStream(call, view, data_set, scope)
    if view.has_ended and stream.is_up_to_date:
        # Browsers reconnect after each end; this status stops them.
        return Answer(204)
    call.gateway.streams.require_place(call.caller)
    stream.answer = stream_answer(stream.pieces())
    return stream.answer


async def _looked_up(call: Call) -> tuple[str, JobView]:
    """Return the scope by which the caller sees the job, and the job."""
    return await require_for_job(call, "read"), await visible_job(call, waits=True)


class _State(NamedTuple):
    """What a stream shows of a job at one moment."""

    #: `<try>:<status>:<digest of the body>`.
    cursor: str
    #: The job as JSON.
    body: bytes
    has_ended: bool
    has_progress: bool

    @classmethod
    def of(cls, view: JobView) -> "_State":
        # Earlier tries are not read with each change, so that no state has them.
        body = to_json(job_of_view(replace(view, earlier_tries=()), inspects=False))
        digest = hashlib.blake2b(body, digest_size=9).hexdigest()
        cursor = f"{view.tries}:{view.status.value}:{digest}"
        return cls(cursor, body, view.has_ended, view.progress is not None)

    def kind_after(self, seen: str) -> str:
        """Return the kind of the event that shows it to a caller who has seen this cursor."""
        if self.has_ended:
            return "finished"
        is_same_try = self.cursor.rpartition(":")[0] == seen.rpartition(":")[0]
        return "progress" if is_same_try and self.has_progress else "status"


class _JobStream:
    """The states of one job, one after the other.

    Args:
        call: The request.
        view: The job.
        data_set: Name of the data set before the job was read.
        scope: The scope by which the caller sees the job.
    """

    def __init__(self, call: Call, view: JobView, data_set: str | None, scope: str) -> None:
        self._call = call
        #: The cursor of the state that the caller knows; empty = none.
        self._seen = call.request.headers.get("Last-Event-ID", "")
        self._data_set = data_set
        self._scope = scope
        self._states = JobStates(view)
        self._state = _State.of(view)
        #: Why there will be no further state.
        self._gone: Problem | None = None
        self.answer: Answer | None = None

    @property
    def is_up_to_date(self) -> bool:
        """Whether the caller knows the state."""
        return self._state.cursor == self._seen

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the text of the stream."""
        call, broker, queue = self._call, self._call.gateway.broker, self._states.view.queue
        queues = [queue] if queue else broker.live_functions.queues
        with (
            call.gateway.streams.open(call.caller, lambda: may_still_read(call, self._scope)) as stream,
            broker.follow(call.name, queues=queues, notify=stream.wake) as job,
        ):
            yield BEGIN
            if job.as_of is None and not self._state.has_ended:
                # Whoever has seen the first event will see the outcome, even if it is not kept.
                await stream.wait(_PAUSE)
            while stream.farewell is None:
                if text := self._news():
                    yield text
                if self._gone or self._state.has_ended:
                    return
                if not await self._change(stream, job) and stream.farewell is None:
                    yield HEARTBEAT
            yield stream.farewell
        if self.answer:
            self.answer.keep_alive = False

    def _news(self) -> bytes | None:
        """Return the event that shows the state; None if the caller knows it."""
        if self._gone:
            document = self._gone.document(self.answer.request_id if self.answer else "")
            return event_text("gone", "gone", to_json(document))
        if self.is_up_to_date:
            return None
        kind, self._seen = self._state.kind_after(self._seen), self._state.cursor
        return event_text(kind, self._state.cursor, self._state.body)

    async def _change(self, stream: Stream, job: FollowedJob) -> bool:
        """Return True when there is news; False if the stream has to end, or to show that it lives."""
        clock = asyncio.get_running_loop().time
        end = clock() + QUIET
        while (left := end - clock()) > 0 and stream.farewell is None:
            if self._states.are_behind(job):
                if await self._follow(job):
                    return True
                left = min(left, _PAUSE)
            await stream.wait(left)
        return False

    async def _follow(self, job: FollowedJob) -> bool:
        """Move on to the newest state of the job; False if it shows nothing new, or Redis does not answer."""
        try:
            exists = await self._states.catch_up(job, lambda: job_if_visible(self._call, waits=True))
        except BrokerError:
            return False
        if not exists:
            self._gone = self._loss()
            return True
        self._state = _State.of(self._states.view)
        return not self.is_up_to_date

    def _loss(self) -> Problem:
        if self._call.gateway.broker.data_set.changed_since(self._data_set):
            return broker_problem(DataSetChanged())
        return Problem("result-not-kept", "It finished, and its result was not kept.")
