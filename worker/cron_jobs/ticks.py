"""One run of a cron job: the job that it enqueues, what Redis remembers of it, and what the answer means.

Redis remembers each run by all that identifies it: queue, function, job id and time, and the worker where
each worker has a run of its own. The first enqueue decides for the whole fleet: it makes the job, or finds a
fixed `job_id` taken and skips this run. Later ones change nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from jobgate.broker import (
    Broker,
    BrokerError,
    Enqueued,
    IdempotencyKey,
    JobOptions,
    JobRequest,
    JobStatus,
    JobView,
    printable,
    run_id,
    run_memory,
)
from jobgate.worker.cron_jobs.cron_job import CronJob
from jobgate.worker.log import logger

#: Seconds after its end in which starting workers do not enqueue a job that runs once at startup.
STARTUP_MEMORY = 600.0


class Skip(StrEnum):
    """Why a run was skipped."""

    #: The previous job of its fixed id waits or runs.
    UNFINISHED = "unfinished"
    #: Its time was too long ago; see docs/cron.md.
    MISSED = "missed"
    #: The request itself was refused.
    REFUSED = "refused"


#: Counts skipped runs: name of the cron job, reason, how many.
CountSkips = Callable[[str, Skip, int], None]


@dataclass(frozen=True, slots=True)
class Tick:
    """One run of a cron job.

    Args:
        cron: The cron job.
        queue: The queue that its job goes to.
        mark: Part of the id of runs that belong to one worker.
        due: Its time; None = the run at startup of a worker.
    """

    cron: CronJob
    queue: str
    mark: str
    due: datetime | None = None

    def request(self, default_queue: str) -> JobRequest:
        """Return the job to enqueue; where possible it has the id that stock arq workers give it."""
        if self.due is None and self.cron.run_at_startup == "once":
            return self._request_once(default_queue)
        return JobRequest(
            function=self.cron.name,
            job_id=self.cron.job_id or self._own_id,
            options=JobOptions(queue=self.queue),
            defer_until_ms=self._due_ms,
            idempotency=self._memory,
            # The result of the last run must not block the next one.
            replaces_result=self.cron.job_id is not None,
        )

    def request_elsewhere(self, default_queue: str) -> JobRequest:
        """Return the same job with another id, for where a job of another queue has taken the first one."""
        return replace(self.request(default_queue), job_id=f"{self._own_id}:{self.queue}")

    @property
    def _due_ms(self) -> int | None:
        return None if self.due is None else round(self.due.timestamp() * 1000)

    @property
    def _own_id(self) -> str:
        due_ms = self._due_ms
        own = f"{self.cron.name}:startup" if due_ms is None else run_id(self.cron.name, due_ms)
        return own if due_ms is not None and self.cron.unique else f"{own}:{self.mark}"

    @property
    def _memory(self) -> IdempotencyKey:
        """The key under which Redis remembers this run when nothing else is left of it."""
        digest = run_memory(self.queue, self.cron.name, self.cron.job_id, self._own_id)
        return IdempotencyKey(digest=digest, request_digest="cron")

    def _request_once(self, default_queue: str) -> JobRequest:
        parts = [
            self.cron.name,
            "startup",
            self.cron.job_id,
            self.queue if self.queue != default_queue else None,
        ]
        return JobRequest(
            function=self.cron.name,
            job_id=":".join(part for part in parts if part),
            options=JobOptions(
                queue=self.queue,
                # While its result is kept, this id cannot be enqueued again.
                keep_result=max(self.cron.function.keep_result_s or 0, STARTUP_MEMORY),
            ),
        )

    def __str__(self) -> str:
        if self.due is None:
            return "the run at startup"
        return f"the run at {self.due.astimezone(UTC).isoformat(' ', 'seconds')}"


class TickWriter:
    """Enqueues ticks, and reports each skipped run in the log and to `count`."""

    def __init__(self, broker: Broker, count: CountSkips) -> None:
        self._broker = broker
        self._count = count

    async def enqueue(self, ticks: list[Tick]) -> list[BrokerError | None]:
        """Enqueue ticks; returns the answers in their order.

        Returns:
            None for a settled tick: its job was created, by this worker or another, or it was skipped.
            Otherwise the error; not all errors are transient.
        """
        requests = [tick.request(self._broker.keys.default_queue) for tick in ticks]
        answers = await self._broker.enqueue_many(requests)
        return [
            answer if isinstance(answer, BrokerError) else await self._settle(tick, answer)
            for tick, answer in zip(ticks, answers, strict=True)
        ]

    def refused(self, tick: Tick, error: BrokerError) -> None:
        """Report a run whose job was refused for good."""
        logger.error("cron job %s: %s is skipped: %s", printable(tick.cron.name), tick, error)
        self._count(tick.cron.name, Skip.REFUSED, 1)

    async def _settle(self, tick: Tick, answer: Enqueued) -> BrokerError | None:
        if answer.created or answer.replayed:
            logger.debug(
                "cron job %s %s", answer.job_id, "enqueued" if answer.created else "was enqueued before"
            )
            return None
        try:
            there = await self._broker.view(answer.job_id, queues=[tick.queue])
            if tick.cron.job_id is None and (there is None or there.queue != tick.queue):
                # Ids are unique across queues, and another service's cron job has the same name and time.
                await self._broker.enqueue(tick.request_elsewhere(self._broker.keys.default_queue))
        except BrokerError as error:
            if tick.cron.job_id is None:
                return error
            there = None  # the run is skipped in any case
        if tick.cron.job_id is not None and not _is_this(there, tick, answer):
            self._skipped(tick, answer.job_id, there)
        return None

    def _skipped(self, tick: Tick, job_id: str, there: JobView | None) -> None:
        runs = there is not None and there.status is JobStatus.IN_PROGRESS
        where = ""
        if there is not None and there.queue not in (None, tick.queue):
            where = f" in another queue, {printable(str(there.queue))}: give each its own job_id"
        logger.warning(
            "cron job %s: %s is skipped, the previous job %r still %s%s",
            printable(tick.cron.name), tick, printable(job_id), "runs" if runs else "waits", where,
        )  # fmt: skip
        self._count(tick.cron.name, Skip.UNFINISHED, 1)


def _is_this(there: JobView | None, tick: Tick, answer: Enqueued) -> bool:
    """Whether the job of a fixed id is this very run, enqueued by a stock arq worker."""
    if tick.due is None or there is None or there.queue != tick.queue:
        return False
    return there.due_time_ms == answer.due_time_ms
