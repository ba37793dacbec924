"""What functions find as `ctx["redis"]` in an eager run: it enqueues jobs, and nothing else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobgate.client import JobExists, JobStatus, job_options, new_job
from jobgate.testing.errors import NotImitated

if TYPE_CHECKING:
    from jobgate.testing.eager.desk import Desk


class EagerPool:
    """The `enqueue_job` of arq's pools. The job runs when the one that enqueues it has ended."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk

    async def enqueue_job(
        self,
        function: str,
        *args: Any,
        _job_id: str | None = None,
        _queue_name: str | None = None,
        _defer_until: datetime | None = None,
        _defer_by: float | timedelta | None = None,
        _expires: float | timedelta | None = None,
        _job_try: int | None = None,
        **kwargs: Any,
    ) -> "EagerPoolJob | None":
        """Enqueue a job; return None if there is one of this id. It runs at once, even if it is deferred.

        Args:
            function: Name of the function.
            args: Its arguments.
            _job_id: Its id.
            _queue_name: Its queue.
            _defer_until: When it is due.
            _defer_by: How long from now.
            _expires: Not imitated.
            _job_try: Not imitated.
            kwargs: Its arguments.
        """
        options = job_options(
            job_id=_job_id,
            queue=_queue_name,
            defer_by=_defer_by,
            defer_until=_defer_until,
            expires=None,
            max_tries=None,
            keep_result=None,
            run_timeout=None,
        )
        try:
            job = await self._desk.enqueue(new_job(function, args, kwargs, options))
        except JobExists:
            return None
        return EagerPoolJob(job.new.job_id, self._desk)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise NotImitated(
            f"ctx['redis'].{name} needs Redis, and an eager client has none: use the fixture jobgate_worker."
        )


class EagerPoolJob:
    """What `enqueue_job` returns: an id."""

    def __init__(self, job_id: str, desk: "Desk") -> None:
        self.job_id = job_id
        self._desk = desk

    async def status(self) -> JobStatus:
        """Return whether the job has run."""
        return JobStatus.QUEUED if self._desk.find(self.job_id).result is None else JobStatus.COMPLETE

    async def result(self, timeout: float | None = None) -> Any:
        """Raise NotImitated: the job runs when the one that has enqueued it has ended."""
        raise NotImitated(
            "An eager job runs when the one that has enqueued it has ended, which cannot wait for its "
            "result: use the fixture jobgate_worker."
        )
