"""Pausing a queue: running jobs continue, waiting jobs stay, nothing more is claimed."""

from jobgate.broker.part import Part
from jobgate.broker.scripts import script


class PausePart(Part):
    """Pauses queues (pause.lua) and resumes them (resume.lua)."""

    async def pause(self, queue: str | None = None) -> None:
        """Stop jobgate's workers from claiming jobs of a queue, by default of the default queue.

        Running jobs continue, and jobs can still be enqueued and aborted. Stock arq workers ignore a pause.
        """
        queue = self.keys.queue(queue)
        await self._core.link.run(script("pause"), [self.keys.paused(queue), self.keys.queues], [queue])

    async def resume(self, queue: str | None = None) -> None:
        """End the pause of a queue, if there is one, and wake a worker."""
        queue = self.keys.queue(queue)
        await self._core.link.run(script("resume"), [self.keys.paused(queue), self.keys.wake(queue)], [])

    async def is_paused(self, queue: str | None = None) -> bool:
        """Return whether a queue is paused."""
        return bool(await self._core.link.command("EXISTS", self.keys.paused(self.keys.queue(queue))))
