"""Pausing a queue: what is in it stays, what runs goes on, nothing more is claimed."""

from collections.abc import AsyncIterator

from jobgate.broker.core import Core
from jobgate.broker.keys import why_not_queue
from jobgate.broker.scripts.loader import script

#: Keys that one step of a scan looks at.
_SCAN_STEP = 1000


class Pausing:
    """Stops and starts the flow out of queues, and finds the queues that there are."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def pause(self, queue: str) -> None:
        """Let no worker claim from a queue; see `Broker.pause`."""
        await self._core.link.run(script("pause"), [self._core.keys.paused(queue)], [])

    async def resume(self, queue: str) -> None:
        """Let workers claim again; see `Broker.resume`."""
        keys = self._core.keys
        await self._core.link.run(script("resume"), [keys.paused(queue), keys.wake(queue)], [])

    async def is_paused(self, queue: str) -> bool:
        """Whether it is paused; see `Broker.is_paused`."""
        return bool(await self._core.link.command("EXISTS", self._core.keys.paused(queue)))

    async def queues(self) -> list[str]:
        """Find the queues; see `Broker.queues`."""
        keys = self._core.keys
        found = {keys.default_queue}
        async for key in self._scan("TYPE", "zset"):
            if key.endswith(workers := keys.workers("")):
                found.add(key.removesuffix(workers))
            elif key != keys.abort and await self._holds_jobs(key):
                found.add(key)
        paused = keys.paused("")
        others = tuple(of("") for of in (keys.job, keys.result, keys.in_progress, keys.retry))
        async for key in self._scan("MATCH", f"*{paused}"):
            if not key.startswith(others):  # ids may hold anything
                found.add(key.removesuffix(paused))
        # No queue of ours has another's key, whatever something else has written there.
        return sorted(name for name in found if why_not_queue(keys.namespace, name) is None)

    async def _holds_jobs(self, key: str) -> bool:
        """Whether the first members of a sorted set are ids of jobs: else it is somebody else's."""
        ids = await self._core.link.command("ZRANGEBYSCORE", key, "-inf", "+inf", "LIMIT", 0, 5)
        jobs = [self._core.keys.job(job_id.decode(errors="surrogateescape")) for job_id in ids]
        return bool(jobs and await self._core.link.command("EXISTS", *jobs))

    async def _scan(self, *condition: str) -> AsyncIterator[str]:
        cursor = b"0"
        while True:
            cursor, found = await self._core.link.command("SCAN", cursor, *condition, "COUNT", _SCAN_STEP)
            for key in found:
                yield key.decode(errors="surrogateescape")
            if cursor == b"0":
                return
