"""Progress: how far a running job is, as it reports itself."""

from collections.abc import Sequence
from typing import Any

from jobgate.broker.bodies import encode_progress, place_of
from jobgate.broker.link import Coalescer
from jobgate.broker.milliseconds import BODY_TTL_MS
from jobgate.broker.part import Core, Part
from jobgate.broker.scripts import script
from jobgate.broker.transitions.leases import Lease

#: A lease, and the encoded progress of its job.
_Report = tuple[Lease, bytes]


class ProgressPart(Part):
    """Stores progress (progress.lua)."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._reports: Coalescer[_Report, bool] = Coalescer(
            self._send_reports,
            group=lambda report: report[0].queue,
            weight=lambda report: len(report[1]),
        )

    async def report_progress(
        self, lease: Lease, fraction: float, message: str | None = None, *, place: Any = None
    ) -> bool:
        """Store how far a running job is, for `JobView.progress`; kept until the job ends, or for a day.

        Calls made in the same turn of the event loop are sent as one script call.

        Args:
            lease: As claimed.
            fraction: From 0 to 1.
            message: What the job does, in a few words.
            place: Where another try can resume, for `reported_place`; JSON must be able to hold it.

        Returns:
            False if another worker owns the lease by now; then nothing was changed.
        """
        return await self._reports.submit((lease, encode_progress(fraction, message, place)))

    async def reported_place(self, lease: Lease) -> Any:
        """Return the place that this or an earlier try of a job last reported; None if there is none."""
        # MGET, unlike GET, shows a key of another kind as none.
        (stored,) = await self._core.link.command("MGET", self.keys.progress(lease.queue, lease.job_id))
        return place_of(stored)

    async def _send_reports(self, reports: Sequence[_Report], since: float) -> Sequence[bool]:
        keys, queue = self.keys, reports[0][0].queue
        args: list[Any] = [keys.in_progress(""), keys.retry(""), keys.progress(queue, ""), BODY_TTL_MS]
        for lease, blob in reports:
            args += [lease.job_id, lease.token, lease.tries, blob]
        answers: list[int] = await self._core.link.run(script("progress"), [queue], args, since=since)
        return list(map(bool, answers))

    async def _drain(self) -> None:
        await self._reports.drain()
        await super()._drain()
