"""The transition *abort*: a job is stopped wherever it is."""

import time
from dataclasses import replace

from jobgate.broker.bodies.end_marks import abort_mark, note_of_abort
from jobgate.broker.bodies.stored import encode_result
from jobgate.broker.core import ENDED_TTL_MS, Core, keep_ms
from jobgate.broker.errors import BrokerMisconfigured, BrokerUnavailable, EncodeError
from jobgate.broker.records import (
    LOST_BODY,
    AbortAnswer,
    AbortMark,
    Failure,
    FailureCode,
    JobBody,
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
        keys, body = self._core.keys, view.body or LOST_BODY
        options = body.options
        queue = view.queue or options.queue or keys.default_queue
        kept = keep if options.keep_result is None else options.keep_result
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
                b"" if runs else self._encoded(_aborted(view, body, queue)),
                keep_ms(kept),
                body.enqueue_time_ms,
                keys.abort_channel(queue),
                ENDED_TTL_MS,
                note_of_abort(options.owner),
                OUTCOME_TTL_MS,
                "1" if options.wants_outcome else "",
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
    return AbortAnswer.ABORTED if view.result and view.result.is_aborted else AbortAnswer.FINISHED


def _aborted(view: JobView, body: JobBody, queue: str) -> JobResult:
    return JobResult(
        job_id=view.job_id,
        function=body.function,
        args=body.args,
        kwargs=body.kwargs,
        tries=view.tries,
        success=False,
        failure=_ABORTED,
        enqueue_time_ms=body.enqueue_time_ms,
        start_time_ms=None,
        finish_time_ms=time.time_ns() // 1_000_000,
        queue=queue,
        options=body.options,
    )
