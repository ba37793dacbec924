"""When a claimed job may begin: at once, unless its neighbours block the event loop."""

import asyncio
import time

from jobgate.worker.running import RunningJob, RunningJobs

#: Seconds that jobs may take of one turn of the event loop; those that have not begun by then wait.
_LONG_TURN = 0.02
#: Seconds for which they let the outcomes go first. Where Redis takes none for longer, leases run out too.
_PATIENCE = 2.0


class Turns:
    """Has outcomes written before the event loop is handed to the next job, once one has blocked it.

    Jobs that were claimed together begin in the same turn of the loop. Where each of them blocks it, the
    outcome of the first could otherwise be written only after the last has taken its time.

    Args:
        jobs: those of the worker.
    """

    def __init__(self, jobs: RunningJobs) -> None:
        self._jobs = jobs
        self._turn_began = 0.0
        self._next: asyncio.Task[None] | None = None

    async def begin(self, job: RunningJob) -> bool:
        """Return when a job may begin.

        Returns:
            Whether it still may; False = the renewal thread has given it back.
        """
        if self._is_late(job):
            self._jobs.waiting += 1
            try:
                await self._wait(job)
            finally:
                self._jobs.waiting -= 1
        return self._jobs.begin(job)

    def _is_late(self, job: RunningJob) -> bool:
        return time.monotonic() - max(job.started, self._turn_began) > _LONG_TURN

    async def _wait(self, job: RunningJob) -> None:
        """Wait for a turn that has time left: who blocks it sends those behind him to wait again."""
        while self._is_late(job) and job.stop_reason is None:
            if self._next is None:
                self._next = asyncio.create_task(self._next_turn())
            await asyncio.shield(self._next)

    async def _next_turn(self) -> None:
        await self._jobs.wait_written(_PATIENCE)
        self._turn_began, self._next = time.monotonic(), None
