"""The transition *abort*: a job is stopped, whether it waits or runs."""

from dataclasses import replace
from enum import StrEnum

from jobgate.broker.bodies import (
    AbortMark,
    abort_mark,
    encode_failure_note,
    encode_result,
    note_of_abort,
)
from jobgate.broker.errors import BrokerMisconfigured, BrokerUnavailable, EncodeError
from jobgate.broker.milliseconds import DEFAULT_KEEP, ENDED_TTL_MS, OUTCOME_TTL_MS, keep_ms, unix_ms
from jobgate.broker.records import LOST_BODY, Failure, FailureCode, JobBody, JobResult
from jobgate.broker.scripts import script
from jobgate.broker.views import JobStatus, JobView, ViewPart


class AbortAnswer(StrEnum):
    """The result of a request to abort."""

    #: It was waiting and is now finished as aborted; or it was aborted before, perhaps by this very call, if
    #: its answer was lost.
    ABORTED = "aborted"
    #: It runs; its worker will stop it.
    REQUESTED = "requested"
    #: It had ended before, but not by an abort.
    FINISHED = "finished"
    #: No such job.
    UNKNOWN = "unknown"


_ANSWERS = {
    1: AbortAnswer.ABORTED,
    2: AbortAnswer.REQUESTED,
    # 3: it has ended since it was read; the next read shows how.
    4: AbortAnswer.UNKNOWN,
}
#: What abort.lua returns if a running job cannot be marked.
_NO_MARKS = 6
#: A job may start, or be released, between the read and the script, but not this many times in a row.
_LOOKS = 10

_ABORTED = Failure(type="CancelledError", message="aborted before it ran", code=FailureCode.ABORTED)


class AbortPart(ViewPart):
    """Aborts jobs (abort.lua)."""

    async def abort(
        self, job_id: str, *, queue: str | None = None, keep: float = DEFAULT_KEEP
    ) -> AbortAnswer:
        """Stop a job, whether it waits or runs.

        Args:
            job_id: Id of the job.
            queue: Queue to look in besides the default queue and the one that the job itself names.
            keep: Seconds to keep the result of a job that had not started, unless the job sets its own.
        """
        for _ in range(_LOOKS):
            view = await self.view(job_id, queues=[queue] if queue else [])
            if view is None:
                return AbortAnswer.UNKNOWN if await self.abort_mark(job_id) is None else AbortAnswer.ABORTED
            if view.status is JobStatus.COMPLETE:
                # A repeated abort gets the answer of the first one.
                return AbortAnswer.ABORTED if view.result and view.result.is_aborted else AbortAnswer.FINISHED
            answer = await self._abort(view, keep)
            if answer is not None:
                return answer
        raise BrokerUnavailable("The job changes its state too fast to be aborted: try again.")

    async def abort_mark(self, job_id: str) -> AbortMark | None:
        """Return the mark of a job that `view` no longer finds, for some seconds after it was aborted.

        None: it was not aborted, had already started, or its result was kept.
        """
        # MGET, unlike GET, shows a key of another kind as none.
        (mark,) = await self._core.link.command("MGET", self.keys.ended(job_id))
        return abort_mark(mark or b"")

    async def _abort(self, view: JobView, keep: float) -> AbortAnswer | None:
        keys, body = self.keys, view.body or LOST_BODY
        options = body.options
        queue = view.queue or options.queue or keys.default_queue
        kept = keep if options.keep_result is None else options.keep_result
        runs = view.status is JobStatus.IN_PROGRESS
        aborted = _aborted(view, body, queue)
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
                keys.finished(queue),
                keys.failed(queue),
                keys.request(view.job_id),
                keys.listeners(queue),
                *([keys.pending(options.owner)] if options.is_counted and options.owner else []),
            ],
            [
                view.job_id,
                b"" if runs else self._encoded(aborted),
                keep_ms(kept),
                body.enqueue_time_ms,
                keys.abort_channel(queue),
                ENDED_TTL_MS,
                encode_failure_note(aborted) if keep_ms(kept) else note_of_abort(options.owner),
                OUTCOME_TTL_MS,
                "1" if options.wants_outcome else "",
                keys.activity(queue, ""),
                keys.job_channel(queue),
                self._core.index_limit,
                keys.result(""),
                body.function,
                keys.failure(""),
                keys.tries(""),
            ],
        )
        if code == _NO_MARKS:
            text = f"The Redis key {keys.abort} is not a sorted set, so no job can be marked: delete it."
            raise BrokerMisconfigured(text)
        return _ANSWERS.get(code)

    def _encoded(self, result: JobResult) -> bytes:
        """Encode a result, without its arguments if this codec cannot hold what another one wrote."""
        try:
            return encode_result(result, self._core.codec)
        except EncodeError:
            return encode_result(replace(result, args=(), kwargs={}), self._core.codec)


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
        finish_time_ms=unix_ms(),
        queue=queue,
        options=body.options,
    )
