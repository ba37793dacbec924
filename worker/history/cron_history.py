"""Notes how runs of cron jobs end, so that one can see it later: their results are usually not kept."""

import asyncio

from jobgate.broker import Broker, BrokerError, CronRun, FailureCode, due_of_run
from jobgate.worker.clock import RedisClock
from jobgate.worker.jobs import Observer, Outcome, OutcomeKind, RunningJob
from jobgate.worker.log import logger, reason_of
from jobgate.worker.settings import Settings

#: Seconds that the end of a worker waits for the last notes.
_PATIENCE = 1.0


class CronHistory(Observer):
    """Notes each run in Redis once its outcome is stored. A note may be lost: no job depends on it.

    Args:
        broker: Redis.
        settings: Those with the cron jobs.
        clock: The time by the Redis clock.
    """

    def __init__(self, broker: Broker, settings: Settings, clock: RedisClock) -> None:
        self._broker = broker
        self._clock = clock
        self._fixed_ids = {cron.job_id for cron in settings.cron_jobs if cron.job_id}
        self._notes: set[asyncio.Task[None]] = set()

    def outcome_written(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        """Note the run, if the job has ended and its function is a cron job."""
        if job.function is None or not job.function.is_cron:
            return
        if outcome.kind not in (OutcomeKind.SUCCESS, OutcomeKind.FAILED):
            return
        name = job.function.name
        note = asyncio.create_task(self._note(job.claimed.lease.queue, name, self._run(job, name, outcome)))
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def close(self) -> None:
        """Wait for a moment until what was noted is written."""
        if self._notes:
            await asyncio.wait(self._notes, timeout=_PATIENCE)

    async def _note(self, queue: str, function: str, run: CronRun) -> None:
        try:
            await self._broker.note_cron_run(queue, function, run)
        except BrokerError as error:
            logger.debug("the end of a cron job is not noted: %s", reason_of(error))

    def _run(self, job: RunningJob, name: str, outcome: Outcome) -> CronRun:
        failure = outcome.failure
        has_fixed_id = job.job_id in self._fixed_ids
        is_aborted = failure is not None and failure.code is FailureCode.ABORTED
        return CronRun(
            job_id=job.job_id,
            due_ms=job.claimed.score_ms if has_fixed_id else due_of_run(job.job_id, name),
            start_ms=job.start_ms if job.ctx else None,
            finish_ms=max(self._clock.now_ms(), job.start_ms),
            ending="aborted" if is_aborted else "failed" if failure else "succeeded",
            code=failure.code.value if failure else None,
            error=f"{failure.type}: {failure.message}" if failure else None,
            keep=job.limits.keep,
        )
