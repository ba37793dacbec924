"""Where the jobs of an eager client are: enqueued, run at once, and kept."""

import asyncio
from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobgate.broker import (
    BrokerError,
    EncodeError,
    JobOptions,
    JobRequest,
    JobResult,
    near_names,
    new_job_id,
    time_of,
)
from jobgate.client import (
    JSON,
    InvalidArguments,
    InvalidRequest,
    JobExists,
    JobNotFound,
    NewJob,
    UnknownFunction,
)
from jobgate.testing.eager.pool import EagerPool
from jobgate.testing.jobs import EnqueuedJob, Recorder
from jobgate.testing.runs import for_django
from jobgate.worker import Rehearsal, Settings

#: Options of a job that client and broker have under the same names.
_SHARED = ("queue", "max_tries", "keep_result", "timeout")

#: Whether this code runs in a job of an eager client.
_IN_A_JOB: ContextVar[bool] = ContextVar("jobgate_in_an_eager_job", default=False)


@dataclass(slots=True)
class EagerJob:
    """A job of an eager client, from its enqueue on."""

    new: NewJob
    request: JobRequest
    seen: EnqueuedJob
    #: None = it has not ended yet.
    result: JobResult | None = None
    exception: BaseException | None = None
    retried_as: str | None = None


class Desk:
    """Takes jobs and runs them, in the order of their enqueue, each to its end.

    Args:
        settings: The checked settings of the worker.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.recorder = Recorder()
        #: All jobs by id, in the order of their enqueue.
        self.jobs: dict[str, EagerJob] = {}
        self._waiting: deque[EagerJob] = deque()
        self._rehearsal = Rehearsal(for_django(settings), EagerPool(self))
        self._turn = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def enqueue(self, new: NewJob) -> EagerJob:
        """Take a job, and run it and what it enqueues. One that a job enqueues waits for the end of that job.

        Raises:
            UnknownFunction: The settings do not have the function.
            JobExists: There is a job of this id.
            InvalidArguments: The arguments cannot be sent.
            InvalidRequest: The request is wrong.
        """
        job = self._taken(new)
        self._waiting.append(job)
        if not _IN_A_JOB.get():
            async with self._turn_here():
                await self._run_waiting()
        return job

    async def call(self, new: NewJob) -> EagerJob:
        """Take a job and run it, before others if a job calls it. Raises as `enqueue`."""
        if not _IN_A_JOB.get():
            return await self.enqueue(new)
        job = self._taken(new)
        await self._run(job)
        return job

    def _turn_here(self) -> asyncio.Lock:
        """Return the lock that lets one caller of this loop run jobs at a time."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._turn = loop, asyncio.Lock()
        return self._turn

    def find(self, job_id: str) -> EagerJob:
        """Return a job; raise JobNotFound where there is none."""
        if job_id not in self.jobs:
            raise JobNotFound
        return self.jobs[job_id]

    def _taken(self, new: NewJob) -> EagerJob:
        names = [one.name for one in self.settings.functions]
        if new.function not in names:
            raise UnknownFunction.named(new.function, near_names(new.function, names))
        if new.job_id in self.jobs:
            raise JobExists
        request = self._request(new)
        job = self.jobs[new.job_id] = EagerJob(new, request, _seen(new, request, self.settings.queue))
        return job

    def _request(self, new: NewJob) -> JobRequest:
        args, kwargs = new.args, new.kwargs
        if self.settings.serializer != "pickle":
            args, kwargs = JSON.of(new.function, args, kwargs)
        options = {name: getattr(new.options, name) for name in _SHARED}
        return JobRequest(function=new.function, args=args, kwargs=kwargs, options=JobOptions(**options))

    async def _run_waiting(self) -> None:
        """Run all jobs that wait, as one run of a worker: `on_startup` before, `on_shutdown` after."""
        if not self._waiting:  # another caller has run them
            return
        await self._rehearsal.begin()
        try:
            while self._waiting:
                await self._run(self._waiting.popleft())
        finally:
            self._waiting.clear()
            await self._rehearsal.end()

    async def _run(self, job: EagerJob) -> None:
        queue = job.request.options.queue or self.settings.queue
        token = _IN_A_JOB.set(True)
        try:
            job.result, job.exception = await self._rehearsal.run(
                job.request, job_id=job.new.job_id, queue=queue, observer=self.recorder
            )
        except BrokerError as error:
            del self.jobs[job.new.job_id]
            kind = InvalidArguments if isinstance(error, EncodeError) else InvalidRequest
            raise kind(str(error)) from None
        finally:
            _IN_A_JOB.reset(token)

    async def run_again(self, job: EagerJob) -> str:
        """Run a job again, once; return the id of the new job."""
        if job.retried_as is None:
            options = job.new.options
            again = NewJob(
                function=job.new.function, args=job.new.args, kwargs=job.new.kwargs, options=options,
                job_id=new_job_id(),
            )  # fmt: skip
            job.retried_as = (await self.enqueue(again)).new.job_id
        return job.retried_as


def _seen(new: NewJob, request: JobRequest, queue: str) -> EnqueuedJob:
    now, options = datetime.now(UTC), new.options
    due: Any = options.defer_until or now + timedelta(seconds=options.defer_by or 0)
    return EnqueuedJob(
        job_id=new.job_id,
        function=new.function,
        args=request.args,
        kwargs=request.kwargs,
        queue=options.queue or queue,
        status="complete",
        enqueue_time=now,
        due_time=due,
    )


def times_of(result: JobResult) -> dict[str, Any]:
    """Return the times of a result, by the names of `JobInfo`."""
    names = ("enqueue_time", "start_time", "finish_time")
    return {name: time_of(getattr(result, f"{name}_ms")) for name in names}
