"""The transition *reclaim*: take back a running job whose lease Redis lost and that nobody else runs."""

from collections.abc import Sequence
from typing import Any

from jobgate.broker.keys import Keys
from jobgate.broker.milliseconds import BODY_TTL_MS, to_ms
from jobgate.broker.part import Part
from jobgate.broker.scripts import Script, script
from jobgate.broker.transitions.leases import ClaimedJob


class ReclaimPart(Part):
    """Takes jobs back (reclaim.lua)."""

    async def reclaim(self, claimed: ClaimedJob, *, lease: float) -> bool:
        """Take back a job whose lease Redis has lost; False = it has ended, or another worker runs it."""
        if claimed.body is None:
            return False
        return bool(await self._core.link.run(*reclaim_call(self.keys, claimed, lease)))


def reclaim_call(
    keys: Keys, claimed: ClaimedJob, lease: float
) -> tuple[Script, Sequence[str], Sequence[Any]]:
    """Return the script, its KEYS and its ARGV."""
    job_id = claimed.lease.job_id
    stored = [keys.job(job_id), keys.result(job_id), keys.in_progress(job_id), keys.retry(job_id)]
    return (
        script("reclaim"),
        [claimed.lease.queue, *stored, keys.ended(job_id), keys.epoch],
        [
            job_id,
            claimed.lease.token,
            claimed.lease.tries,
            claimed.body,
            claimed.data_set or "",
            to_ms(lease),
            BODY_TTL_MS,
        ],
    )
