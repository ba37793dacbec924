"""What arq's users import from `arq.worker`: the worker with arq's calls, and arq's ways to start one."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from jobgate.arq.connections import ArqRedis
from jobgate.arq.errors import JobExecutionFailed
from jobgate.arq.job_records import JobResult, job_result
from jobgate.worker import Function, Retry, RetryJob, Settings, WorkerError, func, look_for_workers
from jobgate.worker import Worker as JobgateWorker

__all__ = [
    "FailedJobs",
    "Function",
    "JobExecutionFailed",
    "Retry",
    "RetryJob",
    "Worker",
    "check_health",
    "create_worker",
    "func",
    "get_kwargs",
    "run_worker",
]

logger = logging.getLogger("jobgate.worker")


class FailedJobs(WorkerError, RuntimeError):
    """Jobs failed during `Worker.run_check`."""

    def __init__(self, count: int, job_results: Sequence[JobResult]) -> None:
        """Keep the failures.

        Args:
            count: How many jobs failed.
            job_results: Their results, each with the exception as its `result`.
        """
        super().__init__(count, job_results)
        self.count = count
        self.job_results = job_results

    def __str__(self) -> str:
        reasons = [repr(each.result) for each in self.job_results]
        if self.count == 1 and reasons:
            return f"1 job failed {reasons[0]}"
        return "\n".join([f"{self.count} jobs failed:", *reasons])

    def __repr__(self) -> str:
        return f"<{self}>"


class Worker(JobgateWorker):
    """A `jobgate.worker.Worker` with arq's further calls, and with an `ArqRedis` as `ctx["redis"]`.

    Args:
        settings: As for `jobgate.worker.Worker`: a class, an instance or a dict of settings, or a list of
            functions.
        overrides: Settings that override it.

    Raises:
        SettingsError: A setting cannot be used; the message names it.
    """

    @property
    def tasks(self) -> dict[str, asyncio.Task[None]]:
        """The asyncio tasks of the jobs that are running, by job id."""
        return {job.job_id: job.task for job in self.jobs.snapshot() if job.task is not None}

    async def main(self) -> None:
        """Do what `async_run` does."""
        await self.async_run()

    async def run_check(self, retry_jobs: bool | None = None, max_burst_jobs: int | None = None) -> int:
        """Run as `async_run` does and check that no job failed, for tests; most useful with `burst`.

        Args:
            retry_jobs: Replaces the setting; None = keep it.
            max_burst_jobs: Replaces the setting; None = keep it.

        Returns:
            How many jobs succeeded.

        Raises:
            FailedJobs: Jobs failed during this run.
        """
        given = {"retry_jobs": retry_jobs, "max_burst_jobs": max_burst_jobs}
        failures = await self.failures_of_run(
            **{name: value for name, value in given.items() if value is not None}
        )
        if failures:
            raise FailedJobs(len(failures), [job_result(each) for each in failures])
        return self.jobs_complete

    def wrap_redis(self, client: Redis) -> ArqRedis:
        """Return a pool on the connections of `client`, whose jobs go through the worker's broker."""
        settings = self.settings
        pool = ArqRedis(
            client,
            settings.job_serializer,
            settings.job_deserializer,
            settings.queue,
            settings.expires_extra_ms,
            serializer=settings.serializer,
            namespace=settings.namespace,
            broker=self.broker,
        )
        pool.auto_close_connection_pool = settings.redis_pool is None
        return pool


def get_kwargs(settings_cls: object) -> dict[str, Any]:
    """Return those attributes or members that are settings of a worker.

    Args:
        settings_cls: A class, an instance or a dict; what a class inherits counts too.

    Raises:
        SettingsError: It is a function.
    """
    return Settings.known_of(settings_cls)


def create_worker(settings_cls: object, **overrides: object) -> Worker:
    """Return a worker with these settings. Arguments and errors are those of `Worker`."""
    return Worker(settings_cls, **overrides)


def run_worker(settings_cls: object, **overrides: object) -> Worker:
    """Run a worker with these settings until it is stopped, then return it.

    Args:
        settings_cls: As for `Worker`.
        overrides: As for `Worker`.

    Raises:
        SettingsError: A setting cannot be used; the message names it.
        BrokerError: Redis cannot be used at startup.
    """
    worker = create_worker(settings_cls, **overrides)
    worker.run()
    return worker


def check_health(settings_cls: object, **overrides: object) -> int:
    """Check whether a live worker serves the queues of these settings. Call it where no event loop runs.

    Args:
        settings_cls: As for `Worker`.
        overrides: As for `Worker`.

    Returns:
        0 when there is one, otherwise 1; the log says more.

    Raises:
        SettingsError: A setting cannot be used.
    """
    verdict = asyncio.run(look_for_workers(Settings.of(settings_cls, **overrides)))
    if verdict.alive:
        logger.info("Health check successful: %s", verdict.detail)
    else:
        logger.warning("Health check failed: %s", verdict.detail)
    return 0 if verdict.alive else 1
