"""Lists of jobs and of results, page by page. An unreadable entry does not fail its page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.broker.errors import DecodeError
from jobgate.broker.milliseconds import ms_of
from jobgate.broker.part import Part
from jobgate.broker.records import JobBody, JobResult
from jobgate.broker.scripts import script

#: Values that one command fetches: a result may be megabytes large.
_AT_ONCE = 64
_WILDCARDS = re.compile(r"([\\*?\[\]])")


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedJob:
    """One member of a queue: a job that waits or runs."""

    job_id: str
    queue: str
    #: When it is due; while it runs, the end of its lease.
    score_ms: int
    #: None = there is none, or it cannot be read.
    body: JobBody | None
    #: Whether it has no body, because that expired or was lost.
    is_lost: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuePage:
    """A part of a queue, in no particular order."""

    jobs: Sequence[QueuedJob]
    #: Where the next page begins; empty = this is the last page.
    cursor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IdPage:
    """A part of a list of job ids, in no particular order and without duplicates."""

    ids: Sequence[str]
    #: Where the next page begins; empty = this is the last page.
    cursor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultPage:
    """A part of all stored results, in no particular order."""

    results: Sequence[JobResult]
    #: Ids of results that cannot be read.
    unreadable: Sequence[str]
    #: Where the next page begins; empty = this is the last page.
    cursor: str


class ListPart(Part):
    """Lists jobs and results."""

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
        # ZSCAN may return an id twice.
        return IdPage(ids=list(dict.fromkeys(map(_text, found[::2]))), cursor=_next_cursor(following))

    async def result_ids(self, *, cursor: str = "", limit: int = 1000) -> IdPage:
        """Return a page of the ids of all results; arguments as in `results`."""
        keys, following = await self._result_keys(cursor, limit)
        return IdPage(ids=[self._job_id(key) for key in dict.fromkeys(keys)], cursor=following)

    async def results(self, *, cursor: str = "", limit: int = 1000) -> ResultPage:
        """Return a page of the results of all queues, from a scan that does not block Redis.

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
                if blob is not None:  # None = it has just expired
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
        for at in range(0, len(keys), _AT_ONCE):
            blobs += await self._core.link.command("MGET", *keys[at : at + _AT_ONCE])
        return blobs

    async def _queued(self, queue: str, job_id: bytes, score: bytes, blob: bytes | None) -> QueuedJob:
        return QueuedJob(
            job_id=_text(job_id),
            queue=queue,
            score_ms=ms_of(score),
            body=await self._core.decoder.job_or_none(blob),
            is_lost=blob is None,
        )


def _text(raw: Any) -> str:
    """Return an id as text; bytes that are not UTF-8 become surrogates, which encode to the same bytes."""
    return bytes(raw).decode(errors="surrogateescape")


def _next_cursor(cursor: bytes) -> str:
    return "" if cursor == b"0" else cursor.decode()
