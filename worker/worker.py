"""The worker's public face: settings in, jobs done."""

import asyncio
import gc
import os
import secrets
import socket
import time
from typing import Any

from redis.asyncio import Redis

from jobgate.broker import Broker, JobResult
from jobgate.worker.errors import WorkerError
from jobgate.worker.jobs import Observer, RunningJobs
from jobgate.worker.process import bound_exit, ending_within, loop_factory
from jobgate.worker.runs import STOP_GRACE, Run
from jobgate.worker.settings import Settings
from jobgate.worker.vitals import Liveness, WorkerMetrics

#: New objects after which the garbage collector looks for cycles among them; the default suits ten jobs.
_YOUNG_OBJECTS = 10_000


class Worker:
    """Claims jobs and runs their functions.

    ```
    worker = Worker({"functions": [count_words], "burst": True})
    await worker.async_run()
    ```

    Functions find a client of redis-py as `ctx["redis"]`. That of `jobgate.arq.Worker`, which the command
    `jobgate worker` runs, is an `ArqRedis`, which enqueues jobs as well.

    A worker may run more than once; `jobs_complete` and the other counters are those of the last run.

    Args:
        settings: A class, an instance or a dict as arq's `WorkerSettings`, a list of functions, or
            `Settings`.
        overrides: Settings that override it.

    Raises:
        SettingsError: A setting cannot be used; the message names it.
    """

    def __init__(self, settings: object = None, /, **overrides: object) -> None:
        self.settings = Settings.of(settings, **overrides)
        self.settings.require_functions()
        #: Unique for each worker.
        self.worker_id = f"{socket.gethostname()[:60]}.{os.getpid()}.{secrets.token_hex(4)}"
        #: What each job's `ctx` starts from.
        self.ctx = self.settings.ctx
        names = (function.name for function in self.settings.functions)
        crons = (cron.name for cron in self.settings.cron_jobs)
        self.metrics = WorkerMetrics(names, max_jobs=self.settings.max_jobs, cron_jobs=crons)
        self._owns_process = False
        self._run = self._new_run()

    def _new_run(self, **how: Any) -> Run:
        return Run(self.settings, worker_id=self.worker_id, metrics=self.metrics, wrap=self.wrap_redis, **how)

    def _renew_run(self, settings: Settings, **how: Any) -> None:
        if self._run.is_running:
            raise WorkerError("this worker is already running: make a second Worker to run two at a time")
        self.settings = settings
        self._run = self._new_run(**how)

    def __repr__(self) -> str:
        return (
            f"<Worker j_complete={self.jobs_complete} j_failed={self.jobs_failed} "
            f"j_retried={self.jobs_retried} j_ongoing={self.jobs.in_progress}>"
        )

    @property
    def broker(self) -> Broker:
        """The broker of the last run."""
        return self._run.broker

    @property
    def pool(self) -> Any:
        """`ctx["redis"]` of the last run; None before it."""
        return self._run.pool

    @property
    def jobs(self) -> RunningJobs:
        """The jobs that it holds."""
        return self._run.jobs

    @property
    def jobs_complete(self) -> int:
        """Jobs that succeeded in the last run."""
        return self._run.counts.jobs_complete

    @property
    def jobs_failed(self) -> int:
        """Jobs that failed for good in the last run."""
        return self._run.counts.jobs_failed

    @property
    def jobs_retried(self) -> int:
        """Tries in the last run after which the job was to run again."""
        return self._run.counts.jobs_retried

    @property
    def metrics_port(self) -> int | None:
        """The port of /metrics and /livez while they are served."""
        return self._run.metrics_port

    @property
    def liveness(self) -> Liveness:
        """Whether it is alive and consumes; safe in every thread."""
        return self._run.liveness

    @property
    def is_stuck(self) -> bool:
        """Whether only a restart helps: it does not work, and no job's timeout will end that.

        Safe in every thread. A worker that starts or stops is not stuck.
        """
        in_time = any(job.renew_until > time.monotonic() for job in self.jobs.snapshot())
        return not (in_time or self.liveness.stopping or self.liveness.verdict().alive)

    def run(self) -> None:
        """Run until stopped, in an event loop of its own; this worker owns the process.

        It ends the process with exit code 70 when it is wedged, and at shutdown with exit code 0 when a
        function ignores its cancellation, or when a thread that a function started keeps running.

        Raises:
            BrokerError: Redis cannot be used at startup.
            WorkerError: The metrics port or the event loop cannot be used, or the worker is already running.
        """
        if asyncio._get_running_loop() is not None:
            raise WorkerError("an event loop is already running: use `await worker.async_run()`, not run()")
        self._owns_process = True
        _make_room_for_jobs()
        with asyncio.Runner(loop_factory=loop_factory(self.settings.loop)) as runner:
            runner.run(self.async_run())
            if self._run.was_stopped:
                with ending_within(STOP_GRACE):
                    bound_exit(STOP_GRACE)
                    runner.close()  # it waits for calls that others have made with `asyncio.to_thread`

    async def async_run(self) -> None:
        """Run until stopped, in the running event loop; may be called again afterwards. Raises as `run`."""
        if self._run.has_begun:
            self._renew_run(self.settings)
        self._run.owns_process = self._owns_process
        await self._run.serve()

    async def failures_of_run(self, **changes: object) -> list[JobResult]:
        """Run as `async_run`, and return the results of the jobs that failed for good, with their exceptions.

        Args:
            changes: Settings to replace, for this run and later ones.
        """
        self._renew_run(self.settings.changed(**changes))
        failures = self._run.keep_failures()
        await self.async_run()
        return failures

    async def run_due(self, *observers: Observer, limit: int = -1) -> None:
        """Run what is due now, and what these jobs enqueue, then return; deferred jobs stay in the queue.

        Args:
            observers: Notified of what happens in this run.
            limit: Most starts; negative = no limit.

        Raises:
            BrokerError: Redis cannot be used at startup.
            WorkerError: The worker is already running.
        """
        settings = self.settings.changed(burst=True, max_burst_jobs=limit)
        self._renew_run(settings, only_due=True, observers=observers)
        await self.async_run()

    def wrap_redis(self, client: Redis) -> Any:
        """Return what functions find as `ctx["redis"]`: `client` itself, unless a subclass overrides this."""
        return client

    def stop(self) -> None:
        """Stop soon: claim nothing more, and let `async_run` end. A second call skips the waiting."""
        self._run.stop()

    async def close(self) -> None:
        """Stop, and wait until the run has ended. Does nothing without a run; may be called twice."""
        await self._run.close()


def _make_room_for_jobs() -> None:
    """Let the garbage collector run more rarely: it would look through all running jobs again and again."""
    gc.freeze()  # imported objects stay for ever
    young, *older = gc.get_threshold()
    if young:  # else it is turned off
        gc.set_threshold(max(young, _YOUNG_OBJECTS), *older)
