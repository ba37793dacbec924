"""The transition *abort*: a job is stopped wherever it is."""

import time
from dataclasses import replace

from jobgate.broker.bodies.end_marks import abort_mark, note_of_abort
from jobgate.broker.bodies.stored import encode_result
from jobgate.broker.core import ENDED_TTL_MS, Core, keep_ms
from jobgate.broker.errors import BrokerMisconfigured, BrokerUnavailable, EncodeError
from jobgate.broker.records import (
    UNKNOWN_FUNCTION,
    AbortAnswer,
    AbortMark,
    Failure,
    FailureCode,
    JobResult,
    JobStatus,
    JobView,
)
from jobgate.broker.scripts.loader import script
from jobgate.broker.views.jobs import Observing
from jobgate.broker.waiting.wishes import OUTCOME_TTL_MS

_ANSWERS = {
    1: AbortAnswer.ABORTED,
    2: AbortAnswer.REQUESTED,
    # 3: it has ended since the look; how, the next look tells.
    4: AbortAnswer.UNKNOWN,
}
#: What abort.lua answers where a running job cannot be marked.
_NO_MARKS = 6
#: Between look and script a job may start, or be given back; nobody is that unlucky this many times.
_LOOKS = 10

_ABORTED = Failure(type="CancelledError", message="aborted before it ran", code=FailureCode.ABORTED)


class Aborting:
    """Aborts jobs."""

    def __init__(self, core: Core, observing: Observing) -> None:
        self._core = core
        self._observing = observing

    async def abort(self, job_id: str, *, queue: str | None, keep: float) -> AbortAnswer:
        """Stop a job; see `Broker.abort`."""
        for _ in range(_LOOKS):
            view = await self._observing.view(job_id, [queue] if queue else [])
            if view is None:
                return AbortAnswer.UNKNOWN if await self.mark(job_id) is None else AbortAnswer.ABORTED
            if view.status is JobStatus.COMPLETE:
                return _ended(view)
            answer = await self._abort(view, keep)
            if answer is not None:
                return answer
        raise BrokerUnavailable("The job changes hands too fast to be aborted: try again.")

    async def mark(self, job_id: str) -> AbortMark | None:
        """Read the mark of an abort; see `Broker.abort_mark`."""
        # MGET, unlike GET, shows a key of another kind as none.
        (mark,) = await self._core.link.command("MGET", self._core.keys.ended(job_id))
        return abort_mark(mark or b"")

    async def _abort(self, view: JobView, keep: float) -> AbortAnswer | None:
        keys, body = self._core.keys, view.body
        queue = view.queue or (body.queue if body else None) or keys.default_queue
        kept = body.keep_result if body and body.keep_result is not None else keep
        runs = view.status is JobStatus.IN_PROGRESS
        code = await self._core.link.run(
            script("abort"),
            [
                queue,
                keys.job(view.job_id),
                keys.result(view.job_id),
                keys.in_progress(view.job_id),
                keys.retry(view.job_id),
                keys.abort,
                keys.progress(queue, view.job_id),
                keys.ended(view.job_id),
                keys.wanted(view.job_id),
                keys.outcome(view.job_id),
                keys.suspect(view.job_id),
            ],
            [
                view.job_id,
                b"" if runs else self._encoded(_aborted(view, queue)),
                keep_ms(kept),
                body.enqueue_time_ms if body else 0,
                keys.abort_channel(queue),
                ENDED_TTL_MS,
                note_of_abort(body.owner if body else None),
                OUTCOME_TTL_MS,
                "1" if body and body.wants_outcome else "",
            ],
        )
        if code == _NO_MARKS:
            text = f"The Redis key {keys.abort} is not a sorted set, so no job can be marked: delete it."
            raise BrokerMisconfigured(text)
        return _ANSWERS.get(code)

    def _encoded(self, result: JobResult) -> bytes:
        """Encode a result; without its arguments where this codec cannot hold what another one wrote."""
        try:
            return encode_result(result, self._core.codec)
        except EncodeError:
            return encode_result(replace(result, args=(), kwargs={}), self._core.codec)


def _ended(view: JobView) -> AbortAnswer:
    """Answer for a job that has ended: a repeated abort as the first one, when it ended by that."""
    failure = view.result.failure if view.result else None
    is_aborted = failure is not None and failure.code is FailureCode.ABORTED
    return AbortAnswer.ABORTED if is_aborted else AbortAnswer.FINISHED


def _aborted(view: JobView, queue: str) -> JobResult:
    now_ms = time.time_ns() // 1_000_000
    body = view.body
    return JobResult(
        job_id=view.job_id,
        function=body.function if body else UNKNOWN_FUNCTION,
        args=body.args if body else (),
        kwargs=body.kwargs if body else {},
        tries=view.tries,
        success=False,
        failure=_ABORTED,
        enqueue_time_ms=body.enqueue_time_ms if body else 0,
        start_time_ms=None,
        finish_time_ms=now_ms,
        queue=queue,
        owner=body.owner if body else None,
        request_token=body.request_token if body else None,
    )
