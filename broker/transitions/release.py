"""The transition *release*: jobs go back to the queue as if they had never been claimed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from jobgate.broker.keys import Keys
from jobgate.broker.part import Part
from jobgate.broker.scripts import Script, script
from jobgate.broker.transitions.leases import ClaimedJob

Item = TypeVar("Item")


class ReleasePart(Part):
    """Gives jobs back (release.lua)."""

    async def release(self, claimed: Sequence[ClaimedJob]) -> None:
        """Release those jobs that are still ours, with their old due times; their tries do not count."""
        for call in release_calls(self.keys, claimed):
            await self._core.link.run(*call)


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


def by_queue(items: Iterable[Item], queue_of: Callable[[Item], str]) -> dict[str, list[Item]]:
    """Sort items by queue; one script call serves one queue."""
    queues: dict[str, list[Item]] = {}
    for item in items:
        queues.setdefault(queue_of(item), []).append(item)
    return queues
