"""Lists of jobs and of results, page by page; one that cannot be read spoils no list."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from jobgate.broker.errors import DecodeError
from jobgate.broker.keys import why_not_queue
from jobgate.broker.milliseconds import ms_of
from jobgate.broker.part import Part
from jobgate.broker.records import JobResult
from jobgate.broker.scripts import script
from jobgate.broker.views.pages import IdPage, QueuedJob, QueuePage, ResultPage

#: Values fetched by one command: a result may have megabytes.
_AT_ONCE = 64
#: Keys that one step of the scan for queues looks at.
_SCAN_STEP = 1000
_WILDCARDS = re.compile(r"([\\*?\[\]])")


class ListPart(Part):
    """Lists jobs, results and queues."""

    async def queued_jobs(self, queue: str | None = None, *, cursor: str = "", limit: int = 100) -> QueuePage:
        """Return a page of the jobs that wait or run in a queue, by default the default queue.

        Args:
            queue: Name of the queue.
            cursor: From the previous page; empty = start.
            limit: Approximate number of jobs on a page; a short queue is one page.
        """
        queue = self.keys.queue(queue)
        following, *found = await self._core.link.read(
            script("queued"), [queue], [self.keys.job(""), cursor or "0", limit]
        )
        entries = zip(found[::3], found[1::3], found[2::3], strict=True)
        return QueuePage(
            jobs=[await self._queued(queue, *entry) for entry in entries], cursor=_next_cursor(following)
        )

    async def queued_ids(self, queue: str, *, cursor: str = "", limit: int = 100) -> IdPage:
        """Return a page of the ids of the jobs that wait or run in a queue; arguments as in `queued_jobs`."""
        following, found = await self._core.link.command("ZSCAN", queue, cursor or "0", "COUNT", limit)
        # Redis may bring an id twice.
        return IdPage(ids=list(dict.fromkeys(map(_text, found[::2]))), cursor=_next_cursor(following))

    async def result_ids(self, *, cursor: str = "", limit: int = 1000) -> IdPage:
        """Return a page of the ids of all results; arguments as in `results`."""
        keys, following = await self._result_keys(cursor, limit)
        return IdPage(ids=[self._job_id(key) for key in dict.fromkeys(keys)], cursor=following)

    async def results(self, *, cursor: str = "", limit: int = 1000) -> ResultPage:
        """Return a page of the results of all queues, from a scan of Redis that blocks nobody.

        Args:
            cursor: From the previous page; empty = start.
            limit: Number of keys of any kind to look at. A page may be empty and still not be the last.
        """
        keys, following = await self._result_keys(cursor, limit)
        ids = [self._job_id(key) for key in keys]
        results: list[JobResult] = []
        unreadable: list[str] = []
        for job_id, blob in zip(ids, await self._blobs(keys), strict=True):
            try:
                if blob is not None:  # else its time was over in between
                    results.append(await self._core.decoder.result(blob, job_id))
            except DecodeError:
                unreadable.append(job_id)
        return ResultPage(results=results, unreadable=unreadable, cursor=following)

    async def _result_keys(self, cursor: str, limit: int) -> tuple[Sequence[bytes], str]:
        pattern = _WILDCARDS.sub(r"\\\1", self.keys.result("")) + "*"
        following, keys = await self._core.link.command(
            "SCAN", cursor or "0", "MATCH", pattern, "COUNT", limit
        )
        return keys, _next_cursor(following)

    def _job_id(self, key: bytes) -> str:
        return _text(key)[len(self.keys.result("")) :]

    async def _blobs(self, keys: Sequence[bytes]) -> list[bytes | None]:
        blobs: list[bytes | None] = []
        for some in _slices(keys):
            blobs += await self._core.link.command("MGET", *some)
        return blobs

    async def _queued(self, queue: str, job_id: bytes, score: bytes, blob: bytes | None) -> QueuedJob:
        return QueuedJob(
            job_id=_text(job_id),
            queue=queue,
            score_ms=ms_of(score),
            body=await self._core.decoder.job_or_none(blob),
            is_lost=blob is None,
        )

    async def queues(self) -> list[str]:
        """Return the default queue and all queues that hold jobs, have a live worker or are paused.

        This scans all keys of the database without blocking others: do not call it often.
        """
        keys = self.keys
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
        """Return whether the first members of a sorted set are job ids; if not, another program wrote it."""
        ids = await self._core.link.command("ZRANGEBYSCORE", key, "-inf", "+inf", "LIMIT", 0, 5)
        jobs = [self.keys.job(job_id.decode(errors="surrogateescape")) for job_id in ids]
        return bool(jobs and await self._core.link.command("EXISTS", *jobs))

    async def _scan(self, *condition: str) -> AsyncIterator[str]:
        cursor = b"0"
        while True:
            cursor, found = await self._core.link.command("SCAN", cursor, *condition, "COUNT", _SCAN_STEP)
            for key in found:
                yield key.decode(errors="surrogateescape")
            if cursor == b"0":
                return


def _slices(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (keys[at : at + _AT_ONCE] for at in range(0, len(keys), _AT_ONCE))


def _text(raw: Any) -> str:
    """Return an id as the rest of the broker does: what is no UTF-8 finds its way back to Redis."""
    return bytes(raw).decode(errors="surrogateescape")


def _next_cursor(cursor: bytes) -> str:
    return "" if cursor == b"0" else cursor.decode()
