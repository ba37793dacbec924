"""The transition *reclaim*: a running job whose lease Redis has forgotten, and that nobody else runs."""

from collections.abc import Sequence
from typing import Any

from jobgate.broker.core import BODY_TTL_MS, Core, to_ms
from jobgate.broker.keys import Keys
from jobgate.broker.records import ClaimedJob
from jobgate.broker.scripts.loader import Script, script


def call_of(keys: Keys, claimed: ClaimedJob, lease: float) -> tuple[Script, Sequence[str], Sequence[Any]]:
    """The script to run, its KEYS and its ARGV."""
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


class Reclaiming:
    """Takes jobs back."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def reclaim(self, claimed: ClaimedJob, lease: float) -> bool:
        """Take a running job back; see `Broker.reclaim`."""
        if claimed.body is None:
            return False
        return bool(await self._core.link.run(*call_of(self._core.keys, claimed, lease)))
