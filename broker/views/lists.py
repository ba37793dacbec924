"""Lists of jobs and of results, page by page; one that cannot be read spoils no list."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from jobgate.broker.core import Core, ms_of
from jobgate.broker.errors import DecodeError
from jobgate.broker.records import JobResult
from jobgate.broker.scripts.loader import script
from jobgate.broker.views.pages import IdPage, QueuedJob, QueuePage, ResultPage

#: Values fetched by one command: a result may have megabytes.
_AT_ONCE = 64
_WILDCARDS = re.compile(r"([\\*?\[\]])")


class Listing:
    """Reads lists; every method is as in `Broker`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def queued_jobs(self, queue: str, cursor: str, limit: int) -> QueuePage:
        """Read one page of a queue."""
        following, *found = await self._core.link.read(
            script("queued"), [queue], [self._core.keys.job(""), cursor or "0", limit]
        )
        entries = zip(found[::3], found[1::3], found[2::3], strict=True)
        return QueuePage(
            jobs=[await self._queued(queue, *entry) for entry in entries], cursor=_next_cursor(following)
        )

    async def queued_ids(self, queue: str, cursor: str, limit: int) -> IdPage:
        """Read one page of the ids in a queue."""
        following, found = await self._core.link.command("ZSCAN", queue, cursor or "0", "COUNT", limit)
        # Redis may bring an id twice.
        return IdPage(ids=list(dict.fromkeys(map(_text, found[::2]))), cursor=_next_cursor(following))

    async def result_ids(self, cursor: str, limit: int) -> IdPage:
        """Read one page of the ids of all results."""
        keys, following = await self._result_keys(cursor, limit)
        return IdPage(ids=[self._job_id(key) for key in dict.fromkeys(keys)], cursor=following)

    async def results(self, cursor: str, limit: int) -> ResultPage:
        """Read one page of all results."""
        keys, following = await self._result_keys(cursor, limit)
        ids = [self._job_id(key) for key in keys]
        results: list[JobResult] = []
        unreadable: list[str] = []
        for job_id, blob in zip(ids, await self._blobs(keys), strict=True):
            try:
                if blob is not None:  # else its time was over in between
                    results.append(await self._core.reader.result(blob, job_id))
            except DecodeError:
                unreadable.append(job_id)
        return ResultPage(results=results, unreadable=unreadable, cursor=following)

    async def _result_keys(self, cursor: str, limit: int) -> tuple[Sequence[bytes], str]:
        pattern = _WILDCARDS.sub(r"\\\1", self._core.keys.result("")) + "*"
        following, keys = await self._core.link.command(
            "SCAN", cursor or "0", "MATCH", pattern, "COUNT", limit
        )
        return keys, _next_cursor(following)

    def _job_id(self, key: bytes) -> str:
        return _text(key)[len(self._core.keys.result("")) :]

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
            body=await self._core.reader.job_or_none(blob),
            is_lost=blob is None,
        )


def _slices(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (keys[at : at + _AT_ONCE] for at in range(0, len(keys), _AT_ONCE))


def _text(raw: Any) -> str:
    """Return an id as the rest of the broker does: what is no UTF-8 finds its way back to Redis."""
    return bytes(raw).decode(errors="surrogateescape")


def _next_cursor(cursor: bytes) -> str:
    return "" if cursor == b"0" else cursor.decode()
