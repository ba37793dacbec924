"""The keys in Redis that belong to one test: found, moved in time, and deleted."""

import math
import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from jobgate.broker import Keys, async_client, settings_of, time_of
from jobgate.testing.errors import TestingError

#: Text that stands for other text in the patterns of Redis.
_WILDCARDS = re.compile(r"([\\*?\[\]])")


class Keyspace:
    """The keys of one namespace, and of the queues that a test uses.

    Args:
        redis_url: Where Redis is.
        keys: The names of the keys.
    """

    def __init__(self, redis_url: str, keys: Keys) -> None:
        self._redis: Redis = async_client(settings_of(redis_url))
        self._keys = keys
        #: Queues whose names do not begin with the namespace.
        self._queues: set[str] = set()

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def check_empty(self) -> None:
        """Raise TestingError where the namespace is in use: the test would delete what is not its own.

        It is raised also where the server does not answer.
        """
        try:
            names = await self.names()
        except RedisError as error:
            raise TestingError(f"The Redis server of the tests does not answer as it must: {error}") from None
        if names:
            raise _in_use(f"The namespace {self._keys.namespace!r}")

    async def take_queues(self, queues: Iterable[str]) -> None:
        """Use these queues, whose keys are those of this test from now on.

        Raises:
            TestingError: A queue is in use: the test would run, and then delete, jobs of somebody else.
        """
        for queue in self._foreign(queues):
            if await self._redis.exists(queue):
                raise _in_use(f"The queue {queue!r}")
            self._queues.add(queue)

    def note_queue(self, queue: str) -> None:
        """Use a queue to which a job of the test's namespace was given."""
        self._queues |= self._foreign([queue])

    def _foreign(self, queues: Iterable[str]) -> set[str]:
        return {queue for queue in queues if not queue.startswith(f"{self._keys.namespace}:")}

    async def names(self) -> set[str]:
        """Return the names of all keys of the test."""
        patterns = [f"{_quoted(self._keys.namespace)}:*", *(f"{_quoted(one)}:*" for one in self._queues)]
        found = {_text(key) for each in patterns for key in await self._found(each)}
        return found | self._queues

    async def job_ids(self) -> list[str]:
        """Return the ids of all jobs that have not ended, in whatever queue."""
        prefix = self._keys.job("")
        return [_text(key).removeprefix(prefix) for key in await self._found(f"{_quoted(prefix)}*")]

    async def has_jobs(self) -> bool:
        """Return whether there are jobs, or results of jobs."""
        return bool(await self.job_ids() or await self._found(f"{_quoted(self._keys.result(''))}*"))

    async def next_due(self, queues: Iterable[str], after: datetime) -> datetime | None:
        """Return the first due time in these queues that is later than `after`; None = there is none."""
        dues: list[float] = []
        for queue in queues:
            found: Any = await self._redis.zrangebyscore(
                queue, f"({after.timestamp() * 1000}", "+inf", start=0, num=1, withscores=True
            )
            dues += [score for _, score in found]
        return time_of(math.ceil(min(dues))) if dues else None

    async def age(self, milliseconds: int, *, but: Collection[str]) -> None:
        """Let keys expire this much earlier, as if the time had passed.

        Args:
            milliseconds: How much.
            but: Beginnings of keys that stay as they are.
        """
        names = [key for key in await self.names() if not key.startswith(tuple(but))]
        pipeline = self._redis.pipeline(transaction=False)
        for key in names:
            pipeline.pttl(_octets(key))
        left = await pipeline.execute()
        for key, ttl in zip(names, left, strict=True):
            if ttl >= 0:
                pipeline.pexpire(_octets(key), max(ttl - milliseconds, 0))
        await pipeline.execute()

    async def clear(self) -> None:
        """Delete all keys of the test."""
        names = await self.names()
        if names:
            await self._redis.delete(*map(_octets, names))

    async def _found(self, pattern: str) -> list[bytes]:
        return [key async for key in self._redis.scan_iter(match=_octets(pattern), count=1000)]


def _in_use(what: str) -> TestingError:
    return TestingError(
        f"{what} is in use already: give the tests a Redis database of their own, such as "
        "redis://localhost/9, or empty it."
    )


def _quoted(text: str) -> str:
    return _WILDCARDS.sub(r"\\\1", text)


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def _octets(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
