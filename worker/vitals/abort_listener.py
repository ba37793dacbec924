"""Listens for requests to abort jobs of this worker, and has them handled without delay.

The renewal of leases (`lease_keeper.py`) finds the abort marks; `jobs/runner.py` then stops the job.
"""

from jobgate.worker.jobs import Shared
from jobgate.worker.roles import TaskRole
from jobgate.worker.vitals.lease_keeper import LeaseKeeper


class AbortListener(TaskRole):
    """Has the keeper check abort marks at once when one is set for a job of this worker.

    A notice is only a hint: without it, the next renewal finds the mark.
    """

    def __init__(self, shared: Shared, queue: str, keeper: LeaseKeeper) -> None:
        self._broker = shared.broker
        self._jobs = shared.jobs
        self._queue = queue
        self._keeper = keeper

    async def run(self) -> None:
        """Listen until cancelled."""
        notices = self._broker.abort_notices(self._queue, is_needed=lambda: len(self._jobs) > 0)
        async for job_id in notices:
            if any(job.job_id == job_id for job in self._jobs.snapshot()):
                self._keeper.nudge()
