"""Progress: how far a running job says that it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from jobgate.broker.core import BODY_TTL_MS, Core
from jobgate.broker.link.coalescer import Coalescer
from jobgate.broker.records import Lease, Progress
from jobgate.broker.scripts.loader import script


@dataclass(slots=True)
class _Report:
    lease: Lease
    blob: bytes


class Reporting:
    """Writes reports; those of one turn of the event loop share a script call."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._reports: Coalescer[_Report, int] = Coalescer(
            self._send, group=lambda report: report.lease.queue, weight=lambda report: len(report.blob)
        )

    async def report(self, lease: Lease, fraction: float, message: str | None) -> bool:
        """Note a job's progress; see `Broker.report_progress`."""
        blob = orjson.dumps({"f": fraction, "m": message})
        return bool(await self._reports.submit(_Report(lease, blob)))

    async def drain(self) -> None:
        """Wait for everything under way."""
        await self._reports.drain()

    async def _send(self, reports: Sequence[_Report], since: float) -> Sequence[int]:
        keys, queue = self._core.keys, reports[0].lease.queue
        args: list[Any] = [keys.in_progress(""), keys.retry(""), keys.progress(queue, ""), BODY_TTL_MS]
        for report in reports:
            lease = report.lease
            args += [lease.job_id, lease.token, lease.tries, report.blob]
        answers: list[int] = await self._core.link.run(script("progress"), [queue], args, since=since)
        return answers


def progress_of(stored: bytes | None, token: bytes | None) -> Progress | None:
    """Read a stored report.

    Args:
        stored: the value of the key `progress`.
        token: the lease under which the job runs now. A report of an earlier try, whose worker died or gave
            the job back, has another one and counts no longer.
    """
    if stored is None or token is None:
        return None
    try:
        reporter, time_ms, blob = stored.split(b" ", 2)
        fields = orjson.loads(blob)
        progress = Progress(fraction=float(fields["f"]), message=fields["m"], time_ms=int(time_ms))
    except (KeyError, TypeError, ValueError):  # something else wrote this key
        return None
    return progress if reporter == token else None
