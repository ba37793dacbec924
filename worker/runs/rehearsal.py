"""Runs jobs as a worker does, with no Redis behind it: for unit tests of functions and callers."""

from typing import Any

from jobgate.broker import ClaimedJob, JobRequest, JobResult, Lease, UnstoredBroker, claim_token
from jobgate.worker.clock import RedisClock
from jobgate.worker.errors import WorkerError
from jobgate.worker.invocation import ProgressWriter
from jobgate.worker.jobs import JobRunner, Observer, Observers, Persistence, RunningJobs, Shared, call_hook
from jobgate.worker.runs.run import codec_of
from jobgate.worker.settings import Settings

_WORKER_ID = "rehearsal"
#: Tries of one job: a function may release itself again and again.
_MOST_TRIES = 1_000
#: Seconds between two looks whether a try has ended, in case it was not noticed.
_LOOK = 5.0


class Rehearsal:
    """Runs jobs, one at a time, in the steps of a worker.

    These are decoding, checks of arguments, hooks, the function under its timeout, retries, which follow at
    once, and encoding of the result.

    Args:
        settings: The settings of the worker.
        redis: What functions find as `ctx["redis"]`.
    """

    def __init__(self, settings: Settings, redis: Any) -> None:
        settings.require_functions()
        self._settings = settings
        self._functions = settings.resolved()
        self._redis = redis

    async def begin(self) -> None:
        """Call `on_startup`, whose exceptions are raised."""
        self._settings.ctx["redis"] = self._redis
        if self._settings.on_startup is not None:
            await call_hook(self._settings.on_startup, self._settings.ctx)

    async def end(self) -> None:
        """Call `on_shutdown`, whose exceptions are raised."""
        if self._settings.on_shutdown is not None:
            await call_hook(self._settings.on_shutdown, self._settings.ctx)

    async def run(
        self, request: JobRequest, *, job_id: str, queue: str, observer: Observer
    ) -> tuple[JobResult, BaseException | None]:
        """Run a job to its end, with all its tries.

        Args:
            request: The job.
            job_id: Its id.
            queue: Its queue.
            observer: Notified of what happens.

        Returns:
            Its result as a client reads it, and the exception of its function, if it failed with one.

        Raises:
            EncodeError: The codec cannot hold the arguments.
            InvalidJobRequest: The request is wrong.
        """
        settings, tries = self._settings, 0
        broker = UnstoredBroker(codec_of(settings), trust_pickle=settings.serializer == "pickle")
        body = broker.encoded(request, queue)
        while tries < _MOST_TRIES:
            tries += 1
            await self._try(broker, body, Lease(job_id=job_id, queue=queue, token="", tries=tries), observer)
            if (ended := broker.ended) is not None:
                return ended, broker.exception
        raise WorkerError(f"job {job_id} was retried more than {_MOST_TRIES:,} times")

    async def _try(self, broker: UnstoredBroker, body: bytes, lease: Lease, observer: Observer) -> None:
        clock = RedisClock()
        now_ms = clock.now_ms()
        lease.token = claim_token(_WORKER_ID, lease.tries, now_ms)
        shared = Shared(
            settings=self._settings,
            functions=self._functions,
            broker=broker,
            worker_id=_WORKER_ID,
            jobs=RunningJobs(1),
            clock=clock,
            observers=Observers(observer),
        )
        runner = JobRunner(shared, Persistence(shared), ProgressWriter(broker))
        try:
            runner.start(ClaimedJob(lease=lease, score_ms=now_ms, body=body))
            while len(shared.jobs):
                await shared.jobs.wait_change(_LOOK)
        finally:
            await runner.close()
