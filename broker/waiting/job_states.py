"""The states of one job that is followed, each as a view, without going back."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from jobgate.broker.views import JobView, moved
from jobgate.broker.waiting.followed_jobs import FollowedJob


class JobStates:
    """The newest known state of a job, without its arguments and its return value.

    Args:
        view: The job as it was read before it was followed.
    """

    def __init__(self, view: JobView) -> None:
        self._take(view)

    def _take(self, view: JobView) -> None:
        #: Time of the event loop: marks that were read before are older than the view.
        self._as_of = asyncio.get_running_loop().time()
        #: The state.
        self.view = _without_values(view)

    def are_behind(self, job: FollowedJob) -> bool:
        """Whether the job has a newer state than this."""
        if job.as_of is None or job.mark == self.view.mark:
            return False
        if job.as_of < self._as_of:
            job.refresh()
            return False
        return True

    async def catch_up(self, job: FollowedJob, read: Callable[[], Awaitable[JobView | None]]) -> bool:
        """Move on to the newest state; False = there is no such job any more.

        Args:
            job: The job as it is followed.
            read: Reads the job, where its mark is not enough, as at its end; its errors are raised here.
        """
        view = moved(self.view, job.mark)
        if view is not None:
            self.view = view
            return True
        view = await read()
        if view is not None:
            self._take(view)
        return view is not None


def _without_values(view: JobView) -> JobView:
    """Return a job without what may be large: a program that follows many jobs cannot hold all of it."""
    body = replace(view.body, args=(), kwargs={}) if view.body else None
    result = replace(view.result, args=(), kwargs={}, result=None) if view.result else None
    return replace(view, body=body, result=result)
