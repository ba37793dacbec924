"""The worker: puts its parts together, starts them in order and stops them in order."""

import asyncio
import gc
import logging
import os
import secrets
import signal
import socket
import time
from contextlib import nullcontext
from functools import partial
from typing import Any

from redis.asyncio import Redis

from jobgate.broker import Broker, ClaimedJob, JobResult
from jobgate.worker.claiming.claimer import Claimer
from jobgate.worker.clock import RedisClock
from jobgate.worker.cron_jobs.scheduler import Scheduler
from jobgate.worker.errors import WorkerError
from jobgate.worker.jobs.execution import Execution
from jobgate.worker.jobs.hooks import await_if_needed
from jobgate.worker.jobs.leftovers import watch
from jobgate.worker.jobs.outcome import Stop
from jobgate.worker.jobs.persistence import Persistence
from jobgate.worker.jobs.progress import ProgressWriter
from jobgate.worker.jobs.running_jobs import RUNNING_JOB, Phase, RunningJob, RunningJobs
from jobgate.worker.process.cancellable import Cancellable
from jobgate.worker.process.process import bound_exit, ending_within, exit_now, loop_factory
from jobgate.worker.process.signals import stop_signals
from jobgate.worker.redis_pool import close_redis, open_redis
from jobgate.worker.result_codec import result_codec
from jobgate.worker.settings import Settings
from jobgate.worker.shutdown import STOP_GRACE, Stopping
from jobgate.worker.startup import reach, tell_start, warn_of_losses, watch_data_set
from jobgate.worker.vitals.announcer import Announcer
from jobgate.worker.vitals.job_log import JobLog, reference
from jobgate.worker.vitals.lease_keeper import EXIT_WEDGED, LeaseKeeper
from jobgate.worker.vitals.liveness import Liveness, Pulse
from jobgate.worker.vitals.loop_watch import LoopWatch
from jobgate.worker.vitals.metrics import WorkerMetrics
from jobgate.worker.vitals.status_server import StatusServer

logger = logging.getLogger("jobgate.worker")


class Worker:
    """Claims jobs of one queue and runs their functions.

    ```
    worker = Worker({"functions": [count_words], "burst": True})
    await worker.async_run()
    ```

    Functions find a client of redis-py as `ctx["redis"]`. That of `jobgate.arq.Worker`, which the command
    `jobgate worker` runs, is an `ArqRedis`, which enqueues jobs as well.

    Args:
        settings: a class, an instance or a dict as arq's `WorkerSettings`, a list of functions, or
            `Settings`.
        overrides: settings that win over it.

    Raises:
        SettingsError: a setting cannot be used; the message names it.
    """

    def __init__(self, settings: object = None, /, **overrides: object) -> None:
        self.settings = Settings.of(settings, **overrides)
        self.settings.require_functions()
        #: Unique for each worker that was ever started.
        self.worker_id = f"{socket.gethostname()[:60]}.{os.getpid()}.{secrets.token_hex(4)}"
        #: What each job's `ctx` starts from.
        self.ctx = self.settings.ctx
        names = (function.name for function in self.settings.functions)
        crons = (cron.name for cron in self.settings.cron_jobs)
        self.metrics = WorkerMetrics(names, max_jobs=self.settings.max_jobs, cron_jobs=crons)
        self._owns_process = False
        self._closed = True
        self._prepare()

    def _prepare(self) -> None:
        """Get ready for a run: the first, one with other settings, or one more, which arq allows too."""
        if self._closed:
            self.broker = Broker(
                self.settings.redis,
                codec=result_codec(self.settings),
                namespace=self.settings.namespace,
                trust_pickle=self.settings.serializer == "pickle",
            )
        self._build()
        self.metrics.follow(self.liveness.state)
        self._starting = Cancellable()
        self._stopping = Stopping(self.settings, jobs=self.jobs, persistence=self._persistence)
        self._claiming: asyncio.Task[None] | None = None
        self._helpers: list[asyncio.Task[None]] = []
        self._status: StatusServer | None = None
        #: `ctx["redis"]` while it runs.
        self.pool: Any = None
        self._hooks_are_due = False
        self._is_started = False
        self._closed = False

    def _build(self) -> None:
        """Make the parts. None of them does anything yet."""
        settings, clock = self.settings, RedisClock()
        self._clock = clock
        log = JobLog(log_results=settings.log_results, log_arguments=settings.log_arguments)
        self.jobs = RunningJobs(settings.max_jobs)
        self.metrics.in_progress.set_function(lambda: self.jobs.in_progress)
        self._limits = settings.limits
        self._pulse = Pulse(self.metrics.loop_lag)
        self.liveness = Liveness(self._pulse, startup_timeout=settings.startup_timeout)
        self._loop_watch = LoopWatch(self._pulse, self.jobs)
        self._persistence = Persistence(
            self.broker, worker_id=self.worker_id, metrics=self.metrics, log=log, clock=clock
        )
        self._progress = ProgressWriter(self.broker)
        self._execution = Execution(
            settings,
            jobs=self.jobs,
            functions=settings.resolved(),
            decode=self.broker.decode_job,
            persistence=self._persistence,
            progress=self._progress,
            metrics=self.metrics,
            log=log,
            clock=clock,
            on_written=self._start_next_of_id,
        )
        self._keeper = LeaseKeeper(
            self.jobs,
            partial(self.broker.lease_renewer, settings.lease),
            lease=settings.lease,
            pulse=self._pulse,
            liveness=self.liveness,
            on_stop=self._stop_job,
            on_wedged=self._end_wedged,
            watch=self._loop_watch,
        )
        self._claimer = Claimer(
            self.broker,
            settings,
            worker_id=self.worker_id,
            jobs=self.jobs,
            start=self._start_job,
            clock=clock,
            liveness=self.liveness,
            metrics=self.metrics,
        )
        self._build_helpers()

    def _build_helpers(self) -> None:
        """Make the parts that have a task of their own."""
        self._scheduler = Scheduler(
            self.broker, self.settings.cron_jobs, queue=self.settings.queue, timezone=self.settings.timezone,
            clock=self._clock, stopped=lambda: self._claimer.stopped, count=self.metrics.cron_skipped,
        )  # fmt: skip
        self._announcer = Announcer(
            self.broker, self.settings, worker_id=self.worker_id, jobs=self.jobs, counts=self._persistence,
            liveness=self.liveness,
        )  # fmt: skip

    def __repr__(self) -> str:
        return (
            f"<Worker j_complete={self.jobs_complete} j_failed={self.jobs_failed} "
            f"j_retried={self.jobs_retried} j_ongoing={self.jobs.in_progress}>"
        )

    @property
    def jobs_complete(self) -> int:
        """Jobs that succeeded since its last start."""
        return self._persistence.jobs_complete

    @property
    def jobs_failed(self) -> int:
        """Jobs that failed for good since its last start."""
        return self._persistence.jobs_failed

    @property
    def jobs_retried(self) -> int:
        """Tries since its last start after which the job was given back."""
        return self._persistence.jobs_retried

    @property
    def metrics_port(self) -> int | None:
        """The port of /metrics and /livez while they are served."""
        return self._status.port if self._status else None

    @property
    def is_stuck(self) -> bool:
        """Whether only a restart helps: it does not work, and no timeout of a job will end that.

        Safe in every thread. A worker that is starting or stopping is not stuck.
        """
        in_time = any(job.renew_until > time.monotonic() for job in self.jobs.snapshot())
        return not (in_time or self.liveness.stopping or self.liveness.verdict().alive)

    def run(self) -> None:
        """Run until stopped, in an event loop of its own; this worker owns the process.

        That means: it ends the process with exit code 70 when it is wedged, and at shutdown with 0
        when a function ignores its cancellation, or when a thread that one has started goes on.

        Raises:
            BrokerError: Redis cannot be used at the start.
            WorkerError: the metrics port or the event loop cannot be used.
        """
        if asyncio._get_running_loop() is not None:
            raise WorkerError("an event loop is already running: use `await worker.async_run()`, not run()")
        self._owns_process = True
        gc.freeze()  # what is imported stays for ever: no need to look through it again and again
        with asyncio.Runner(loop_factory=loop_factory(self.settings.loop)) as runner:
            runner.run(self.async_run())
            if self._stopping.asked:
                with ending_within(STOP_GRACE):
                    bound_exit(STOP_GRACE)
                    runner.close()  # it waits for what others have begun with `asyncio.to_thread`

    async def async_run(self) -> None:
        """Run until stopped, in the running event loop; may be called again. Raises as `run`."""
        if self._closed:
            self._prepare()
        with stop_signals(self._on_signal) if self.settings.handle_signals else nullcontext():
            try:
                if await self._starting.run(self._start()):
                    await self._serve()
            finally:
                await self.close()

    async def failures_of_run(self, **changes: object) -> list[JobResult]:
        """Run as `async_run` and return the results of the jobs that failed for good, with their exceptions.

        Args:
            changes: settings to replace, for this run and those that follow.
        """
        self.settings = self.settings.changed(**changes)
        self._prepare()
        self._persistence.failures = failures = list[JobResult]()
        await self.async_run()
        return failures

    def wrap_redis(self, client: Redis) -> Any:
        """Return what functions find as `ctx["redis"]`: `client` itself, unless a subclass says otherwise."""
        return client

    def stop(self) -> None:
        """Stop soon: claim nothing more, let `async_run` come to its end. A second call hurries it."""
        self._stopping.ask()
        self._claimer.stop()
        self._starting.cancel()

    async def close(self) -> None:
        """Stop claiming, end the running jobs, release what is unfinished, close all. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._claimer.stop()
        try:
            await self._stopping.end_jobs(self._claiming, owns_process=self._owns_process)
            if self._hooks_are_due:
                await self._stopping.call_on_shutdown(self.ctx, started=self._is_started)
        finally:
            await self._end_parts()

    # -- start and serve

    async def _start(self) -> None:
        settings = self.settings
        watch(asyncio.get_running_loop())
        self._pulse.start()
        self._loop_watch.start()
        self._progress.start()
        if settings.metrics_port is not None:
            self._status = StatusServer(
                settings.metrics_host, settings.metrics_port, metrics=self.metrics, liveness=self.liveness
            )
        tell_start(settings, self.broker)
        await reach(self.broker, self._clock)
        await warn_of_losses(self.broker)
        self.ctx["redis"] = self.pool = open_redis(settings, self.broker, self.wrap_redis)
        self._hooks_are_due = True
        if settings.on_startup is not None:
            await await_if_needed(settings.on_startup(self.ctx))
        self._is_started = True
        await self._scheduler.start()
        self.liveness.started()
        self._keeper.start()
        self._helpers = [asyncio.create_task(each.run()) for each in (self._announcer, self._scheduler)]
        self._helpers.append(asyncio.create_task(watch_data_set(self.broker)))
        if settings.allow_abort_jobs:
            listeners = map(self._listen_for_aborts, settings.weights)
            self._helpers += [asyncio.create_task(listener) for listener in listeners]

    async def _serve(self) -> None:
        self._claiming = asyncio.create_task(self._claimer.run())
        await asyncio.shield(self._claiming)

    async def _listen_for_aborts(self, queue: str) -> None:
        """Look at abort marks at once when one is set for a job of ours. A notice is only a hint."""
        async for job_id in self.broker.abort_notices(queue):
            if any(job.job_id == job_id for job in self.jobs.snapshot()):
                self._keeper.nudge()

    # -- jobs

    def _start_job(self, claimed: ClaimedJob) -> None:
        job = RunningJob(claimed, self._limits)
        before = self.jobs.add(job)
        if before is not None and before.phase is not Phase.GIVEN_BACK:
            self._stop_job(before, Stop.LOST)
        job.task = asyncio.create_task(self._run_job(job))

    async def _run_job(self, job: RunningJob) -> None:
        RUNNING_JOB.set(job)
        try:
            await self._execution.run(job)
        except Exception:
            # A fault of the worker's own: the lease runs out, and the job runs again.
            logger.exception("job %s could not be dealt with", reference(job))
        finally:
            self.jobs.discard(job)
            # The context of the task knows the job; a cycle for each job keeps the garbage collector busy.
            job.task = None
        await self._start_next_of_id(job)

    async def _start_next_of_id(self, job: RunningJob) -> None:
        if (claimed := self.jobs.free_id(job)) is not None:
            await self._claimer.take(claimed)

    def _stop_job(self, job: RunningJob, reason: Stop) -> None:
        if reason is Stop.ABORT and not self.settings.allow_abort_jobs:
            return
        if reason is Stop.LOST and job.stop_reason is not Stop.LOST:
            self.metrics.leases_lost.inc()
        job.stop(reason)

    def _end_wedged(self, job: RunningJob) -> None:
        """In the renewal thread: end a process whose loop is stuck, so that a supervisor starts a new one."""
        end = f": this process ends with exit code {EXIT_WEDGED}, its supervisor must start it again"
        logger.critical(
            "the event loop has been stuck for %.0f s, beyond the timeout of job %s%s",
            self._pulse.lag(), reference(job), end if self._owns_process else "",
        )  # fmt: skip
        if self._owns_process:
            exit_now(EXIT_WEDGED)

    # -- stop

    def _on_signal(self, received: signal.Signals) -> None:
        fate = "to be completed" if self.settings.job_completion_wait else "ongoing to cancel"
        logger.info(
            "shutdown on %s ◆ %d jobs complete ◆ %d failed ◆ %d retries ◆ %d %s",
            received.name, self.jobs_complete, self.jobs_failed, self.jobs_retried, len(self.jobs), fate,
        )  # fmt: skip
        self.stop()

    async def _end_parts(self) -> None:
        await self._stopping.end_tasks([*self._helpers, *([self._claiming] if self._claiming else [])])
        await self._announcer.retire()
        await self._keeper.stop()
        self._execution.close()
        await self._progress.close()
        if self._status is not None:
            self._status.close()
        self._pulse.stop()
        if self._owns_process and (self.jobs.snapshot() or self._execution.busy_threads):
            await self._stopping.leave_stubborn_jobs()
        await close_redis(self.pool, self.settings)
        await self.broker.close()
