"""Writes the outcome of a try, and retries until it is written or the lease is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from jobgate.broker import (
    LOST_BODY,
    PASSING_ERRORS,
    Backoff,
    BrokerError,
    ClaimedJob,
    EncodeError,
    JobResult,
    Transition,
    WriteInDoubt,
    counted,
    encode_try,
    with_jitter,
)
from jobgate.worker.jobs.outcome import (
    Outcome,
    OutcomeKind,
    Stop,
    brief,
    error_of_retry,
    unserialisable,
)
from jobgate.worker.jobs.running_job import RunningJob
from jobgate.worker.jobs.shared import Shared
from jobgate.worker.log import logger, reason_of

Write = Callable[[], Awaitable[Transition]]

#: Pauses before a write is repeated.
_BACKOFF = Backoff(first=0.1, longest=5.0)
#: Seconds between two checks of a lease whose newer claim has not been answered.
_LOOK_AGAIN = 0.1
#: Characters of a function's name that fit under every limit of results.
_SHORT_NAME = 100
#: Seconds of the lease under which an outcome is written after Redis had forgotten the job.
_TAKEN_BACK_FOR = 10.0


class Persistence:
    """Writes the outcomes of one worker's jobs through the broker."""

    def __init__(self, shared: Shared) -> None:
        self._broker = shared.broker
        self._worker_id = shared.worker_id
        self._observers = shared.observers
        self._clock = shared.clock
        self._releases: list[tuple[ClaimedJob, asyncio.Future[None]]] = []
        #: Results of failed jobs, where somebody wants them; None = nobody does.
        self.failures: list[JobResult] | None = None

    async def write(self, job: RunningJob, outcome: Outcome, seconds: float) -> Outcome:
        """Store a result, schedule a retry or release a job, as the outcome says; then notify observers.

        Args:
            job: The job whose try has ended.
            outcome: Its outcome. Where the codec cannot encode it, a failure is stored instead.
            seconds: How long the function ran.

        Returns:
            The outcome that was written, or may have been.
        """
        try:
            transition = await self._transition(job, outcome)
        except EncodeError:
            transition, outcome = await self._store_refused(job, outcome)
        if transition is Transition.STALE:
            if job.stop_reason is not Stop.LOST:  # noticed only now
                self._observers.lease_lost(job)
            self._observers.outcome_stale(job)
            return Outcome(OutcomeKind.LOST)
        if transition is Transition.UNCONFIRMED:
            self._observers.outcome_unconfirmed(job)
            return outcome
        if outcome.kind is OutcomeKind.FAILED and self.failures is not None:
            self.failures.append(self._result(job, outcome))
        self._observers.outcome_written(job, outcome, seconds)
        return outcome

    async def give_back(self, claimed: Sequence[ClaimedJob], what: str = "claimed job") -> None:
        """Release jobs, their tries included. Where Redis does not answer, their leases run out."""
        try:
            if claimed:
                await self._broker.release(claimed)
        except BrokerError as error:
            jobs = counted(len(claimed), what)
            logger.warning("%s left until the leases run out: %s", jobs, reason_of(error))

    async def _store_refused(self, job: RunningJob, outcome: Outcome) -> tuple[Transition, Outcome]:
        """Write an outcome without the job's arguments, in case these were refused; else write a failure.

        Returns the outcome of the job as well.
        """
        body = job.body
        job.body = replace(body, args=(), kwargs={}) if body else None
        try:
            return await self._transition(job, outcome), outcome
        except EncodeError as error:  # the arguments were not the reason
            job.body = body
            written = unserialisable(outcome, str(error))
        if job.limits.keep == 0:
            # Only waiting callers could have had the result: the job itself has not failed.
            self._observers.result_refused(job, written)
        else:
            outcome = written
        return await self._store_less(job, written), outcome

    async def _store_less(self, job: RunningJob, written: Outcome) -> Transition:
        """Write a failure: complete, then without the job's arguments, then in its shortest form."""
        try:
            return await self._transition(job, written)
        except EncodeError:
            # Even its arguments cannot be encoded, for example as JSON when they came in a pickle.
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
        if outcome.kind is OutcomeKind.LOST:
            return Transition.DONE
        is_wanted = job.body is not None and job.body.options.wants_outcome
        write = self._write_of(job, outcome, is_wanted=is_wanted)
        job.is_written = True
        while (answer := await self._insist(job, write)) is not Transition.DONE:
            job.is_in_doubt |= answer is Transition.UNCONFIRMED
            if answer is Transition.WANTED:
                write = self._write_of(job, outcome, is_wanted=True)
            elif not (await self._has_newer_lease(job) or await self._takes_back(job)):
                break
        return Transition.UNCONFIRMED if answer is Transition.STALE and job.is_in_doubt else answer

    def _write_of(self, job: RunningJob, outcome: Outcome, *, is_wanted: bool) -> Write:
        """Return a function that writes an outcome under the job's current lease."""
        match outcome.kind:
            case OutcomeKind.RETRY:
                defer, score_ms, tries = outcome.defer, job.claimed.score_ms, job.tries
                function = (job.body or LOST_BODY).function
                entry = encode_try(tries, job.start_ms, self._worker_id, error_of_retry(outcome))
                return lambda: self._broker.retry(
                    job.claimed.lease,
                    function=function,
                    defer=defer,
                    score_ms=score_ms,
                    tries=tries,
                    entry=entry,
                )
            case OutcomeKind.RELEASE:
                return lambda: self._release_with_others(job.to_release)
        # A result that is not kept is encoded only for waiting callers.
        result, keep = self._result(job, outcome), job.limits.keep
        return lambda: self._broker.finish(job.claimed.lease, result, keep=keep, is_wanted=is_wanted)

    async def _has_newer_lease(self, job: RunningJob) -> bool:
        """Whether a newer claim of this worker follows the stale lease.

        The answer to that claim may still arrive, or was lost and the claim is repeated.
        """
        while job.claimed_anew is None:
            if job.stop_reason is Stop.LOST or not await self._is_ours(job):
                return False
            await asyncio.sleep(_LOOK_AGAIN)
        return job.adopt_claimed_anew()

    async def _takes_back(self, job: RunningJob) -> bool:
        """Whether a job is ours after all, because Redis only forgot who had it."""
        if job.stop_reason is Stop.LOST:
            return False
        try:
            return await self._broker.reclaim(job.claimed, lease=_TAKEN_BACK_FOR)
        except PASSING_ERRORS:
            return True  # the next write waits for Redis, and asks again

    async def _is_ours(self, job: RunningJob) -> bool:
        """Whether this worker has a lease on the job; True if Redis does not answer: it may have."""
        try:
            view = await self._broker.view(job.job_id, queues=[job.claimed.lease.queue])
        except PASSING_ERRORS:
            return True
        return view is not None and view.worker == self._worker_id and view.result is None

    async def _insist(self, job: RunningJob, write: Write) -> Transition:
        """Repeat a write until Redis has answered; every write is idempotent.

        Raises:
            EncodeError: The outcome cannot be encoded; nothing was changed.
        """
        failures = 0
        while True:
            try:
                return await write()
            except PASSING_ERRORS as error:  # the outcome is kept in memory, and its lease renewed
                job.is_in_doubt |= isinstance(error, WriteInDoubt)
                failures += 1
                pause = _BACKOFF.pause(failures)
                if pause in (_BACKOFF.first, _BACKOFF.longest):  # not each time: many jobs may be waiting
                    self._observers.outcome_delayed(job, error)
            job.keep_lease()
            await asyncio.sleep(with_jitter(pause))

    async def _release_with_others(self, claimed: ClaimedJob) -> Transition:
        """Release a job in one call with the others that are released in this turn of the loop."""
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
        body = job.body or LOST_BODY
        return JobResult(
            job_id=job.job_id,
            function=body.function,
            args=body.args,
            kwargs=body.kwargs,
            tries=job.tries,
            success=outcome.kind is OutcomeKind.SUCCESS,
            result=outcome.value,
            failure=outcome.failure,
            enqueue_time_ms=body.enqueue_time_ms,
            start_time_ms=job.start_ms if job.ctx else None,
            finish_time_ms=max(self._clock.now_ms(), job.start_ms),
            queue=job.claimed.lease.queue,
            worker=self._worker_id,
            options=body.options,
            exception=outcome.exception,
        )
