"""What happens at SIGTERM: the worker ends its jobs, and releases those that nothing can end.

`process/signals.py` takes the signal, and `Run` (`run.py`) calls the steps here.
"""

import asyncio

from jobgate.broker import printable
from jobgate.worker.claiming import Claimer
from jobgate.worker.jobs import Persistence, Phase, RunningJob, Shared, Stop, call_hook, message_of
from jobgate.worker.log import logger
from jobgate.worker.process import Cancellable, exit_now, kill_children

#: Seconds that cancelled jobs have to clean up, and outcomes to be written, before a stopping worker ends;
#: `on_shutdown` has as long when a second stop skips the waiting.
STOP_GRACE = 5.0
#: Seconds that calls in executors have to end by themselves after their job was cancelled, and to be gone
#: after their processes were killed.
_MOMENT, _KILLED = 0.2, 0.3


class Shutdown:
    """The steps of one worker's shutdown, in the order of the methods.

    Args:
        shared: What the parts of the run share.
        persistence: Releases the jobs that are left.
    """

    def __init__(self, shared: Shared, persistence: Persistence) -> None:
        self._settings = shared.settings
        self._jobs = shared.jobs
        self._observers = shared.observers
        self._persistence = persistence
        self._hurry = asyncio.Event()
        self._hook = Cancellable()
        #: How often the worker was asked to stop.
        self.asked = 0

    def ask(self) -> None:
        """Note that the worker is asked to stop. From the second time on, skip the current wait."""
        self.asked += 1
        if self.asked > 1:
            self._hurry.set()
            self._hook.cancel()

    async def end_jobs(self, claimer: Claimer, *, owns_process: bool) -> None:
        """Let running jobs continue for `job_completion_wait`, then cancel them, so that they are released.

        Args:
            claimer: The claim loop, which is closed already.
            owns_process: Whether the process ends with the worker, and with it the threads of jobs.
        """

        def ends_with_process(job: RunningJob) -> bool:
            """Whether only the end of the process stops a job: then that must not be delayed."""
            return owns_process and self._settings.retry_jobs and (job.in_thread or job.is_held)

        await claimer.wait(STOP_GRACE)
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
            self._leave_to_leases(held)

    def _leave_to_leases(self, held: list[RunningJob]) -> None:
        """End the tasks of jobs that cannot be released, because their leftovers outlive the worker."""
        why = "started a call or a program that is still running: its lease runs out, and its try counts"
        for job in held:
            self._observers.job_left(job, why)
            if job.task:
                job.task.cancel()

    async def _end_leftovers(self, held: list[RunningJob]) -> None:
        """End what cancelled jobs have started outside of the loop, so that they can be released."""
        if await self._jobs.wait_empty(_MOMENT, self._hurry, but=lambda job: not job.is_held):
            return
        for job in held:
            for leftover in job.leftovers:
                leftover.kill()
        await self._jobs.wait_empty(_KILLED, self._hurry, but=lambda job: not job.is_held)

    async def call_on_shutdown(self, *, started: bool) -> None:
        """Await `on_shutdown`, if there is one; its exceptions are logged.

        Args:
            started: Whether `on_startup` has completed.
        """
        hook = self._settings.on_shutdown
        if hook is None:
            return
        if self.asked > 1:
            asyncio.get_running_loop().call_later(STOP_GRACE, self._hook.cancel)
        try:
            if not await self._hook.run(call_hook(hook, self._settings.ctx)):
                logger.warning("on_shutdown was cancelled by a further stop: it has not done all of its work")
        except (Exception, SystemExit) as error:
            if started:
                logger.exception("on_shutdown raised, ignored")
                return
            # It misses what on_startup did not make. The reason for that matters more, and is logged next.
            kind = printable(type(error).__name__)
            logger.warning("on_shutdown raised %s too, ignored: %s", kind, printable(message_of(error)))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            logger.exception("on_shutdown cancelled itself, ignored")

    async def leave_unwritten_jobs(self) -> None:
        """Cancel the tasks of jobs whose function has ended, but not yet their outcome or last hook."""
        ending = [job for job in self._jobs.snapshot() if job.phase is Phase.ENDING]
        for job in {*self._jobs.leased()}.intersection(ending):
            self._observers.job_left(job, "has an outcome that could not be written, will be run again")
        tasks = [job.task for job in ending if job.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def leave_stubborn_jobs(self) -> None:
        """Release jobs that cannot be stopped or ignored their cancellation, and end the process right after.

        While such a function still runs here its job must not be given to another worker. So this is only for
        a worker that owns its process; otherwise the job is left to its lease.
        """
        stubborn = self._jobs.snapshot()
        for job in stubborn:
            why = "runs in a thread" if job.in_thread or job.is_held else "ignored its cancellation"
            self._observers.job_left(job, f"{why}: ends with this process, will be run again")
        for leftover in [one for job in stubborn for one in job.leftovers]:
            leftover.kill()
        kill_children()
        await self._persistence.give_back([job.to_release for job in stubborn], "job")
        exit_now(0)
