"""One run of a worker: its parts, how they start, and in which order they end."""

import asyncio
import dataclasses
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from typing import Any

from redis.asyncio import Redis

from jobgate.broker import Broker, Codec, JobResult, codec_named, custom_codec
from jobgate.worker.claiming import Claimer
from jobgate.worker.clock import RedisClock
from jobgate.worker.cron_jobs import Scheduler
from jobgate.worker.history import CronHistory, TimesWriter
from jobgate.worker.invocation import ProgressWriter, note_leftovers
from jobgate.worker.jobs import (
    JobRunner,
    Observer,
    Observers,
    Persistence,
    RunningJob,
    RunningJobs,
    Shared,
    call_hook,
)
from jobgate.worker.log import logger
from jobgate.worker.process import Cancellable, exit_now, stop_signals
from jobgate.worker.roles import Role
from jobgate.worker.runs.shutdown import Shutdown
from jobgate.worker.runs.startup import (
    close_redis,
    connect,
    log_start,
    open_redis,
    warn_of_losses,
)
from jobgate.worker.settings import Settings
from jobgate.worker.vitals import (
    EXIT_WEDGED,
    AbortListener,
    Announcer,
    Counts,
    JobLog,
    LeaseKeeper,
    Liveness,
    LoopWatch,
    Pulse,
    StatusServer,
    WorkerMetrics,
)


class Run:
    """One run. Creating it starts nothing; call `serve` once.

    Args:
        settings: The worker's settings.
        worker_id: Id under which jobs are claimed and finished.
        metrics: The worker's metrics, which count over all of its runs.
        wrap: Makes `ctx["redis"]` of a client.
        only_due: End when nothing is due, as a burst that leaves deferred jobs where they are.
        observers: Notified of what happens, besides the worker's own.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        worker_id: str,
        metrics: WorkerMetrics,
        wrap: Callable[[Redis], Any],
        only_due: bool = False,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._settings = settings
        self._only_due = only_due
        self._metrics = metrics
        self._wrap = wrap
        self.broker = _broker_of(settings)
        self.counts = Counts()
        self.liveness = Liveness(Pulse(), startup_timeout=settings.startup_timeout)
        self.jobs = RunningJobs(settings.max_jobs)
        clock = RedisClock()
        self._cron_history = CronHistory(self.broker, settings, clock)
        self._shared = Shared(
            settings=settings,
            functions=settings.resolved(),
            broker=self.broker,
            worker_id=worker_id,
            jobs=self.jobs,
            clock=clock,
            observers=Observers(self.counts, metrics, JobLog(settings), *self._histories(), *observers),
        )
        #: `ctx["redis"]` while it runs.
        self.pool: Any = None
        #: Whether the process ends with the worker.
        self.owns_process = False
        self.has_begun = self._is_started = self._hooks_are_due = self._is_ending = False
        self._has_ended = asyncio.Event()
        self._starting = Cancellable()
        self._task: asyncio.Task[Any] | None = None
        #: What is to be done at the end, the last entry first.
        self._at_end = AsyncExitStack()
        self._make_parts(self._shared)
        metrics.follow(self.liveness, self.jobs)

    def _histories(self) -> Sequence[Observer]:
        return [self._cron_history] if self._settings.cron_jobs else []

    def _make_parts(self, shared: Shared) -> None:
        settings = self._settings
        self._progress = ProgressWriter(self.broker)
        self._persistence = Persistence(shared)
        self._shutdown = Shutdown(shared, self._persistence)
        self._runner = JobRunner(shared, self._persistence, self._progress)
        self._claimer = Claimer(
            shared, self._runner, self._persistence, self.liveness, only_due=self._only_due
        )
        self._loop_watch = LoopWatch(self.liveness.pulse, self.jobs)
        self._keeper = LeaseKeeper(
            shared, liveness=self.liveness, watch=self._loop_watch, on_stop=self._runner.stop,
            on_wedged=self._end_wedged,
        )  # fmt: skip
        self._times = TimesWriter(self.broker, self._metrics.times)
        self._announcer = Announcer(shared, self.counts, self.liveness, on_unpolled=self._claimer.look)
        self._scheduler = Scheduler(
            self.broker, settings.cron_jobs, queue=settings.queue, timezone=settings.timezone,
            clock=shared.clock, stopped=lambda: self.jobs.is_closed, count=shared.observers.cron_skipped,
        )  # fmt: skip
        self._status = StatusServer(
            settings.metrics_host, settings.metrics_port, metrics=self._metrics, liveness=self.liveness
        )
        self._watches: list[Role] = []
        if settings.allow_abort_jobs:
            self._watches = [AbortListener(shared, queue, self._keeper) for queue in settings.weights]

    @property
    def metrics_port(self) -> int | None:
        """The port of /metrics and /livez while they are served."""
        return self._status.port

    @property
    def was_stopped(self) -> bool:
        """Whether it was asked to stop, and did not end by itself."""
        return self._shutdown.asked > 0

    @property
    def is_running(self) -> bool:
        """Whether `serve` has begun and has not ended."""
        return self.has_begun and not self._has_ended.is_set()

    def keep_failures(self) -> list[JobResult]:
        """Return a list that will hold the results of all jobs that fail for good."""
        failures: list[JobResult] = []
        self._persistence.failures = failures
        return failures

    async def serve(self) -> None:
        """Start all parts, claim jobs until stopped, and end all parts.

        Raises:
            BrokerError: Redis cannot be used at startup.
            WorkerError: The metrics port cannot be used.
        """
        self.has_begun, self._task = True, asyncio.current_task()
        handles_signals = self._settings.handle_signals
        with stop_signals(self._on_signal) if handles_signals else nullcontext():
            try:
                async with self._at_end:
                    await self._claim_until_stopped()
            finally:
                self._has_ended.set()

    def stop(self) -> None:
        """Stop soon: claim nothing more, and let `serve` end. A second call skips the waiting."""
        self._shutdown.ask()
        self._claimer.close()
        self._starting.cancel()

    async def close(self) -> None:
        """Stop, and wait until `serve` has ended. Return at once in a hook, and where it has not begun."""
        if not self.has_begun:
            return
        if not self._is_ending and not self._shutdown.asked:  # to ask again would skip the waiting
            self.stop()
        if asyncio.current_task() is not self._task:
            await self._has_ended.wait()

    async def _claim_until_stopped(self) -> None:
        try:
            if await self._starting.run(self._start()):
                await self._begin(self._claimer)
                await self._claimer.ended()
        finally:
            await self._end_jobs()

    async def _begin(self, *roles: Role) -> None:
        """Start roles. They are stopped at the end of the run, the last one first, even if a start fails."""
        for role in roles:
            self._at_end.push_async_callback(role.stop)
            await role.start()

    async def _start(self) -> None:
        """Start all parts but the claim loop; each says here what is to be done about it at the end."""
        settings = self._settings
        note_leftovers(asyncio.get_running_loop())
        for last in (
            self.broker.close,
            self._cron_history.close,
            self._close_pool,
            self._leave_stubborn_jobs,
        ):
            self._at_end.push_async_callback(last)
        await self._begin(self._loop_watch, self._status, self._progress)
        self._at_end.push_async_callback(self._runner.close)
        log_start(self._shared)
        await connect(self.broker, self._shared.clock)
        await warn_of_losses(self.broker)
        settings.ctx["redis"] = self.pool = open_redis(settings, self.broker, self._wrap)
        self._hooks_are_due = True
        if settings.on_startup is not None:
            await call_hook(settings.on_startup, settings.ctx)
        self._is_started = True
        await self._scheduler.enqueue_startup_jobs()
        self.liveness.started()
        await self._begin(self._keeper, self._times, self._announcer)
        self._at_end.push_async_callback(self._shutdown.leave_unwritten_jobs)
        await self._begin(*self._watches, self._scheduler)

    async def _end_jobs(self) -> None:
        self._is_ending = True
        self._claimer.close()
        await self._shutdown.end_jobs(self._claimer, owns_process=self.owns_process)
        if self._hooks_are_due:
            await self._shutdown.call_on_shutdown(started=self._is_started)

    async def _leave_stubborn_jobs(self) -> None:
        if self.owns_process and (self.jobs.snapshot() or self._runner.outlasting):
            await self._shutdown.leave_stubborn_jobs()

    async def _close_pool(self) -> None:
        await close_redis(self.pool, self._settings)

    def _on_signal(self, received: signal.Signals) -> None:
        counts = self.counts
        fate = "to be completed" if self._settings.job_completion_wait else "ongoing to cancel"
        logger.info(
            "shutdown on %s ◆ %d jobs complete ◆ %d failed ◆ %d retries ◆ %d %s",
            received.name, counts.jobs_complete, counts.jobs_failed, counts.jobs_retried, len(self.jobs),
            fate,
        )  # fmt: skip
        self.stop()

    def _end_wedged(self, job: RunningJob) -> None:
        """In the renewal thread: end a process whose loop is stuck, so that a supervisor starts a new one."""
        end = f": this process ends with exit code {EXIT_WEDGED}, its supervisor must start it again"
        logger.critical(
            "the event loop has been stuck for %.0f s, beyond the timeout of job %s%s",
            self.liveness.pulse.lag(), job.reference, end if self.owns_process else "",
        )  # fmt: skip
        if self.owns_process:
            exit_now(EXIT_WEDGED)


def _broker_of(settings: Settings) -> Broker:
    return Broker(
        settings.redis,
        codec=codec_of(settings),
        namespace=settings.namespace,
        trust_pickle=settings.serializer == "pickle",
        index_limit=settings.index_limit,
    )


def codec_of(settings: Settings) -> Codec:
    """Return the codec of the settings, which refuses results beyond their `result_limit`.

    Without a limit one result could fill Redis, or every gateway that reads it.
    """
    if settings.job_serializer is None or settings.job_deserializer is None:
        codec = codec_named(settings.serializer)
    else:
        codec = custom_codec(settings.job_serializer, settings.job_deserializer)
    return dataclasses.replace(codec, result_limit=settings.result_limit)
