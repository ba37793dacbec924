"""The transitions *release* and *reclaim*: jobs that are given back as if never claimed, and taken back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from jobgate.broker.keys import Keys
from jobgate.broker.milliseconds import BODY_TTL_MS, to_ms
from jobgate.broker.part import Part
from jobgate.broker.scripts import Script, script
from jobgate.broker.transitions.leases import ClaimedJob

Item = TypeVar("Item")


class ReleasePart(Part):
    """Gives jobs back (release.lua), and takes back one whose lease Redis has lost (reclaim.lua)."""

    async def release(self, claimed: Sequence[ClaimedJob]) -> None:
        """Release those jobs that are still ours, with their old due times; their tries do not count."""
        for call in release_calls(self.keys, claimed):
            await self._core.link.run(*call)

    async def reclaim(self, claimed: ClaimedJob, *, lease: float) -> bool:
        """Take back a job whose lease Redis has lost; False = it has ended, or another worker runs it."""
        if claimed.body is None:
            return False
        return bool(await self._core.link.run(*reclaim_call(self.keys, claimed, lease)))


def release_calls(
    keys: Keys, claimed: Sequence[ClaimedJob]
) -> Iterator[tuple[Script, Sequence[str], Sequence[Any]]]:
    """Yield the script, its KEYS and its ARGV for the jobs of each queue."""
    for queue, jobs in by_queue(claimed, lambda job: job.lease.queue).items():
        args: list[Any] = [keys.job(""), keys.in_progress(""), keys.retry("")]
        for job in jobs:
            lease = job.lease
            args += [lease.job_id, lease.token, lease.tries, job.score_ms]
            args += [lease.tries - 1 - job.idle_tries, job.body_expires_ms or ""]
        yield script("release"), [queue, keys.wake(queue)], args


def reclaim_call(
    keys: Keys, claimed: ClaimedJob, lease: float
) -> tuple[Script, Sequence[str], Sequence[Any]]:
    """Return the script, its KEYS and its ARGV."""
    job_id, token, tries = claimed.lease.job_id, claimed.lease.token, claimed.lease.tries
    stored = [keys.job(job_id), keys.result(job_id), keys.in_progress(job_id), keys.retry(job_id)]
    names = [claimed.lease.queue, *stored, keys.ended(job_id), keys.epoch]
    args = [job_id, token, tries, claimed.body, claimed.data_set or "", to_ms(lease), BODY_TTL_MS]
    return script("reclaim"), names, args


def by_queue(items: Iterable[Item], queue_of: Callable[[Item], str]) -> dict[str, list[Item]]:
    """Sort items by queue; one script call serves one queue."""
    queues: dict[str, list[Item]] = {}
    for item in items:
        queues.setdefault(queue_of(item), []).append(item)
    return queues
