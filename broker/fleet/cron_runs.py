"""Runs of cron jobs that have ended are noted: their results are usually not kept."""

from typing import Final

from jobgate.broker.part import Part
from jobgate.broker.schedules import MOST_RUNS, CronRun, encode_cron_run
from jobgate.broker.scripts import script

#: For how long they are kept, in ms: those of a monthly job outlive the next run.
_LIVES: Final = 40 * 86_400_000


class CronRunPart(Part):
    """Notes runs (note_run.lua)."""

    async def note_cron_run(self, queue: str, function: str, run: CronRun) -> None:
        """Keep a run as the last one of its cron job.

        Args:
            queue: The queue of its job.
            function: Name of the cron job.
            run: The run.
        """
        await self._core.link.run(
            script("note_run"),
            [self.keys.cron_runs(queue, function)],
            [encode_cron_run(run), MOST_RUNS, _LIVES],
            is_hint=True,
        )
