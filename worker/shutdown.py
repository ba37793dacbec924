"""How a worker stops: ends its jobs, calls `on_shutdown`, gives back the jobs that nothing can end."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from jobgate.broker import BrokerError
from jobgate.broker.log_text import counted, printable
from jobgate.worker.jobs.hooks import await_if_needed
from jobgate.worker.jobs.leftovers import end_children
from jobgate.worker.jobs.outcome import Stop, message_of
from jobgate.worker.jobs.persistence import Persistence
from jobgate.worker.jobs.running_jobs import Phase, RunningJob, RunningJobs
from jobgate.worker.process.cancellable import Cancellable
from jobgate.worker.process.process import exit_now
from jobgate.worker.settings import Hook, Settings
from jobgate.worker.vitals.job_log import reference

logger = logging.getLogger("jobgate.worker")

#: Seconds that cancelled jobs get to clean up, and outcomes to be written, before a stopping worker goes;
#: `on_shutdown` has as long where the worker is in a hurry.
STOP_GRACE = 5.0
#: Seconds that calls in executors get to end by themselves after their job was cancelled, and to be gone once
#: their processes are killed.
_MOMENT, _KILLED = 0.2, 0.3


class Stopping:
    """The steps of one worker's stop, in the order of the methods.

    Args:
        settings: the worker's.
        jobs: those that run.
        persistence: gives back what is left of them.
    """

    def __init__(self, settings: Settings, *, jobs: RunningJobs, persistence: Persistence) -> None:
        self._settings = settings
        self._jobs = jobs
        self._persistence = persistence
        self._hurry = asyncio.Event()
        self._hook = Cancellable()
        #: How often the worker was told to stop.
        self.asked = 0

    def ask(self) -> None:
        """Note that the worker was told to stop. From the second time on, what is waited for now ends."""
        self.asked += 1
        if self.asked > 1:
            self._hurry.set()
            self._hook.cancel()

    async def end_jobs(self, claiming: asyncio.Task[None] | None, *, owns_process: bool) -> None:
        """Let running jobs go on for `job_completion_wait`, then cancel them, so that they are released.

        Args:
            claiming: the claim loop, which was told to stop; None = it has not begun.
            owns_process: whether the process ends with the worker, and with it the threads of jobs.
        """

        def ends_with_process(job: RunningJob) -> bool:
            """Whether a job is stopped by the end of the process alone: then that must not be put off."""
            return owns_process and self._settings.retry_jobs and (job.in_thread or job.is_held)

        if claiming is not None:
            await asyncio.wait([claiming], timeout=STOP_GRACE)
        if await self._jobs.wait_empty(self._settings.job_completion_wait, self._hurry):
            return
        self._hurry.clear()
        for job in self._jobs.snapshot():
            job.stop(Stop.SHUTDOWN)
        await self._jobs.wait_empty(STOP_GRACE, self._hurry, but=ends_with_process)
        held = [job for job in self._jobs.snapshot() if job.is_held]
        if held and owns_process:
            await self._end_leftovers(held)
        elif held:
            _leave_to_leases(held)

    async def _end_leftovers(self, held: list[RunningJob]) -> None:
        """End what cancelled jobs have begun outside of the loop, so that they can be given back."""
        if await self._jobs.wait_empty(_MOMENT, self._hurry, but=lambda job: not job.is_held):
            return
        for job in held:
            for leftover in job.leftovers:
                leftover.kill()
        await self._jobs.wait_empty(_KILLED, self._hurry, but=lambda job: not job.is_held)

    async def call_on_shutdown(self, ctx: dict[str, Any], *, started: bool) -> None:
        """Call `on_shutdown`, if there is one, and wait for its end, in a hurry not for long.

        What it raises is logged.
        """
        hook = self._settings.on_shutdown
        if hook is None:
            return
        if self.asked > 1:
            asyncio.get_running_loop().call_later(STOP_GRACE, self._hook.cancel)
        try:
            if not await self._hook.run(_call(hook, ctx)):
                logger.warning("on_shutdown was cancelled by a further stop: it has not done all of its work")
        except (Exception, SystemExit) as error:
            if started:
                logger.exception("on_shutdown raised, ignored")
                return
            # It misses what on_startup did not make; why that failed is what matters, and is said next.
            kind = printable(type(error).__name__)
            logger.warning("on_shutdown raised %s too, ignored: %s", kind, printable(message_of(error)))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            logger.exception("on_shutdown cancelled itself, ignored")

    async def end_tasks(self, helpers: Iterable[asyncio.Task[None]]) -> None:
        """Cancel the worker's own tasks, and those of jobs whose functions have ended."""
        tasks = [*helpers, *self._unwritten()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _unwritten(self) -> list[asyncio.Task[None]]:
        """Return the tasks of jobs that have ended but whose outcome, or last hook, has not until now."""
        ending = [job for job in self._jobs.snapshot() if job.phase is Phase.ENDING]
        for job in {*self._jobs.leased()}.intersection(ending):
            logger.warning("↻ %s: its outcome could not be written, will be run again", reference(job))
        return [job.task for job in ending if job.task]

    async def leave_stubborn_jobs(self) -> None:
        """Release jobs that cannot be stopped or ignored it, and end the process in the same breath.

        While such a function still runs here its job must not be given to another worker. So outside
        of a process of our own it is left to its lease, and here the process ends right after.
        """
        stubborn = self._jobs.snapshot()
        for job in stubborn:
            why = "runs in a thread" if job.in_thread or job.is_held else "ignored its cancellation"
            logger.warning("↻ %s %s: ends with this process, will be run again", reference(job), why)
        for leftover in [one for job in stubborn for one in job.leftovers]:
            leftover.kill()
        end_children()
        try:
            await self._persistence.release([job.to_release for job in stubborn])
        except BrokerError as error:
            logger.warning("%s left until the leases run out: %s", counted(len(stubborn), "job"), error)
        exit_now(0)


def _leave_to_leases(held: list[RunningJob]) -> None:
    """End the tasks of jobs that cannot be given back, because what they have begun outlives the worker."""
    for job in held:
        logger.warning(
            "%s started a call or a program that is still running: its lease runs out, and its try counts",
            reference(job),
        )
        if job.task:
            job.task.cancel()


async def _call(hook: Hook, ctx: dict[str, Any]) -> None:
    await await_if_needed(hook(ctx))
