"""Write the outcome of a try, again and again until it gets through or is no longer ours to write."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

from jobgate.broker import Broker
from jobgate.broker.errors import (
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    BrokerUnavailable,
    EncodeError,
    OutcomeUnknown,
)
from jobgate.broker.records import UNKNOWN_FUNCTION, ClaimedJob, JobBody, JobResult, Transition
from jobgate.worker.clock import RedisClock
from jobgate.worker.jobs.outcome import Kind, Outcome, Stop, brief, unserialisable
from jobgate.worker.jobs.running_jobs import RunningJob
from jobgate.worker.vitals.job_log import JobLog, logger, reason_of, reference
from jobgate.worker.vitals.metrics import STALE, UNCONFIRMED, WorkerMetrics

Decode = Callable[[bytes], JobBody]
Write = Callable[[], Awaitable[Transition]]

#: Pauses before a write is repeated, in seconds: the first and the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
#: Characters of a function's name that fit under every limit of results.
_SHORT_NAME = 100
#: Seconds of a lease under which an outcome is written that was stale because Redis had forgotten the job.
_TAKEN_BACK_FOR = 10.0
#: What passes with time. The outcome is kept in memory, and its lease renewed, until then.
_PASSING = (BrokerUnavailable, BrokerFull, BrokerMisconfigured)


class Persistence:
    """Writes outcomes through the broker; one for a whole worker."""

    def __init__(
        self, broker: Broker, *, worker_id: str, metrics: WorkerMetrics, log: JobLog, clock: RedisClock
    ) -> None:
        self._broker = broker
        self._worker_id = worker_id
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._releases: list[tuple[ClaimedJob, asyncio.Future[None]]] = []
        #: Jobs since the start, under arq's names.
        self.jobs_complete = self.jobs_failed = self.jobs_retried = 0
        #: Results of failed jobs, where somebody wants them; None = nobody does.
        self.failures: list[JobResult] | None = None

    async def write(self, job: RunningJob, outcome: Outcome, seconds: float) -> Outcome:
        """Store a result, arm a retry or give a job back, as the outcome says; then count and tell it.

        Args:
            job: whose try has ended.
            outcome: the verdict. Where the codec cannot hold it, another is stored that says so.
            seconds: how long the function ran, for the log.

        Returns:
            The outcome that was written, or may have been.
        """
        metrics = self._metrics.of(job.function.name if job.function else "")
        transition, outcome = await self._store(job, outcome)
        if transition is Transition.STALE:
            self._metrics.stale_finishes.inc()
            if job.stop_reason is not Stop.LOST:  # noticed only now
                self._metrics.leases_lost.inc()
            self._log.stale(job)
            metrics.ended(STALE)
            return Outcome(Kind.LOST)
        if transition is Transition.UNCONFIRMED:
            self._log.unconfirmed(job)
            metrics.ended(UNCONFIRMED)
            return outcome
        self._count(job, outcome)
        metrics.ended(outcome.label)
        self._log.ended(job, outcome, seconds)
        return outcome

    async def release(self, claimed: list[ClaimedJob]) -> None:
        """Give jobs back, tries included. Raises BrokerError; their leases then run out by themselves."""
        await self._broker.release(claimed)

    async def note_begun(self, job: RunningJob, *, is_alone: bool) -> bool:
        """Note that a suspect begins; return whether it may, which is known only when Redis answers."""
        try:
            answer = await self._broker.note_begun(job.claimed.lease, is_alone=is_alone)
        except BrokerError:
            return False
        return answer is Transition.DONE

    def _count(self, job: RunningJob, outcome: Outcome) -> None:
        if outcome.kind is Kind.SUCCESS:
            self.jobs_complete += 1
        elif outcome.kind is Kind.FAILED:
            self.jobs_failed += 1
            if self.failures is not None:
                self.failures.append(self._result(job, outcome))
        elif outcome.kind in (Kind.RETRY, Kind.RELEASE):
            self.jobs_retried += 1

    async def _store(self, job: RunningJob, outcome: Outcome) -> tuple[Transition, Outcome]:
        """Write an outcome, and less of it where the codec refuses; return what the job's outcome is then."""
        try:
            return await self._transition(job, outcome), outcome
        except EncodeError:
            return await self._store_refused(job, outcome)

    async def _store_refused(self, job: RunningJob, outcome: Outcome) -> tuple[Transition, Outcome]:
        """Write an outcome without the job's arguments, which may be the reason, else a failure."""
        body = job.body
        job.body = replace(body, args=(), kwargs={}) if body else None
        try:
            return await self._transition(job, outcome), outcome
        except EncodeError as error:  # it is not the arguments
            job.body = body
            written = unserialisable(outcome, str(error))
        if job.limits.keep == 0:
            # Only those who wait could have had it: that they cannot is no fault of the job.
            self._log.not_handed_over(job, written)
        else:
            outcome = written
        return await self._store_less(job, written), outcome

    async def _store_less(self, job: RunningJob, written: Outcome) -> Transition:
        """Write a failure: whole, without the job's arguments, then in its shortest form."""
        try:
            return await self._transition(job, written)
        except EncodeError:
            # Even its arguments cannot be written, for example JSON asked to hold what a pickle held.
            job.body = replace(job.body, args=(), kwargs={}) if job.body else None
        try:
            return await self._transition(job, written)
        except EncodeError:
            if job.body is not None:
                job.body = replace(job.body, function=job.body.function[:_SHORT_NAME])
            if written.failure is None:
                raise
        return await self._transition(job, replace(written, failure=brief(written.failure)))

    async def _transition(self, job: RunningJob, outcome: Outcome) -> Transition:
        if outcome.kind is Kind.LOST:
            return Transition.DONE
        is_wanted = job.body is not None and job.body.wants_outcome
        write = self._write_of(job, outcome, is_wanted=is_wanted)
        job.is_written = True
        while (answer := await self._insist(job, write)) is not Transition.DONE:
            job.is_in_doubt |= answer is Transition.UNCONFIRMED
            if answer is Transition.WANTED:
                write = self._write_of(job, outcome, is_wanted=True)
            elif not (await self._goes_on_under_newer_lease(job) or await self._takes_back(job)):
                break
        return Transition.UNCONFIRMED if answer is Transition.STALE and job.is_in_doubt else answer

    def _write_of(self, job: RunningJob, outcome: Outcome, *, is_wanted: bool) -> Write:
        """Return the call that writes an outcome, each time under the lease that the job then has."""
        match outcome.kind:
            case Kind.RETRY:
                defer, score_ms, tries = outcome.defer, job.claimed.score_ms, job.tries
                return lambda: self._broker.retry(
                    job.claimed.lease, defer=defer, score_ms=score_ms, tries=tries
                )
            case Kind.RELEASE:
                return lambda: self._release_with_others(job.to_release)
        # A result that is not kept is encoded for nobody but those who wait for it.
        result, keep = self._result(job, outcome), job.limits.keep
        return lambda: self._broker.finish(job.claimed.lease, result, keep=keep, is_wanted=is_wanted)

    async def _goes_on_under_newer_lease(self, job: RunningJob) -> bool:
        """Whether a stale lease has a newer one of this very worker to follow it.

        That claim's answer may still be on its way, or lost and asked for again.
        """
        while job.claimed_anew is None:
            if job.stop_reason is Stop.LOST or not await self._is_ours(job):
                return False
            await asyncio.sleep(_FIRST_PAUSE)
        return job.adopt_claimed_anew()

    async def _takes_back(self, job: RunningJob) -> bool:
        """Whether a job is ours after all, because Redis has only forgotten whose it was."""
        if job.stop_reason is Stop.LOST:
            return False
        try:
            return await self._broker.reclaim(job.claimed, lease=_TAKEN_BACK_FOR)
        except _PASSING:
            return True  # the next write waits for Redis, and asks again

    async def _is_ours(self, job: RunningJob) -> bool:
        """Whether a lease of this worker is on the job; where Redis does not tell, there may be one."""
        try:
            view = await self._broker.view(job.job_id, queues=[job.claimed.lease.queue])
        except _PASSING:
            return True
        return view is not None and view.worker == self._worker_id and view.result is None

    async def _insist(self, job: RunningJob, write: Write) -> Transition:
        """Repeat a write until Redis has answered; all of them may be repeated safely.

        Raises:
            EncodeError: the outcome cannot be written, nothing was changed.
        """
        pause = _FIRST_PAUSE
        while True:
            try:
                return await write()
            except _PASSING as error:
                job.is_in_doubt |= isinstance(error, OutcomeUnknown)
                if pause in (_FIRST_PAUSE, _LONGEST_PAUSE):  # not each time: many jobs may wait
                    logger.warning(
                        "job %s: outcome not written yet, still retrying: %s",
                        reference(job),
                        reason_of(error),
                    )
            job.keep_lease()
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _release_with_others(self, claimed: ClaimedJob) -> Transition:
        """Release a job in one call with those that are released in this turn of the loop."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._releases.append((claimed, done))
        if len(self._releases) == 1:
            await asyncio.sleep(0)
            await self._release_collected()
        await done
        return Transition.DONE

    async def _release_collected(self) -> None:
        collected, self._releases = self._releases, []
        error: BrokerError | None = None
        try:
            await self._broker.release([claimed for claimed, _ in collected])
        except BrokerError as raised:
            error = raised
        for _, done in collected:
            if done.done():
                continue  # its job was given up in the meantime
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

    def _result(self, job: RunningJob, outcome: Outcome) -> JobResult:
        body = job.body or JobBody(function=UNKNOWN_FUNCTION, args=(), kwargs={}, enqueue_time_ms=0)
        return JobResult(
            job_id=job.job_id,
            function=body.function,
            args=body.args,
            kwargs=body.kwargs,
            tries=job.tries,
            success=outcome.kind is Kind.SUCCESS,
            result=outcome.value,
            failure=outcome.failure,
            enqueue_time_ms=body.enqueue_time_ms,
            start_time_ms=job.start_ms if job.ctx else None,
            finish_time_ms=max(self._clock.now_ms(), job.start_ms),
            queue=job.claimed.lease.queue,
            worker=self._worker_id,
            owner=body.owner,
            request_token=body.request_token,
            exception=outcome.exception,
        )
