"""Jobs whose changes are followed: Redis pushes notices, and their marks are read for many jobs at once.

A notice is only a hint, so all marks are read again periodically. Nothing is written or published for a job
that nobody follows.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from jobgate.broker.backoff import with_jitter
from jobgate.broker.errors import BrokerError
from jobgate.broker.part import Core
from jobgate.broker.views import JobMark, due_ms_of, read_marks
from jobgate.broker.waiting.notices import MOST_AT_ONCE, Notices
from jobgate.broker.waiting.wishes import Wish, Wishes

#: Seconds after which all marks are read again, and the same while Redis sends no notices.
_REREAD, _POLL = 2.0, 0.5
#: Seconds until a read that failed is repeated.
_PAUSE = 0.5


class FollowedJob:
    """One caller's interest in one job; made by `Broker.follow`, used as a context manager."""

    def __init__(
        self, jobs: "FollowedJobs", job_id: str, queues: tuple[str, ...], notify: Callable[[], None]
    ) -> None:
        self._jobs = jobs
        self._notify = notify
        self.job_id = job_id
        self.queues = queues
        #: The mark as it was last read, see `Broker.mark`: None = there is no such job.
        self.mark: JobMark | None = None
        #: Time of the event loop at which that read began. None = there was none yet, and an outcome that is
        #: not kept may be missed.
        self.as_of: float | None = None
        #: Whether to notify of the next read in any case.
        self._is_asked = True

    def __enter__(self) -> Self:
        self._jobs.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._jobs.discard(self)

    def refresh(self) -> None:
        """Read the mark again at once, and notify of that even if it is the same."""
        self._is_asked = True
        self._jobs.refresh(self.job_id)

    def see(self, mark: JobMark | None, as_of: float) -> None:
        """Keep what a read has found."""
        is_news = self._is_asked or mark != self.mark
        self.mark, self.as_of, self._is_asked = mark, as_of, False
        if is_news:
            self._notify()


@dataclass(slots=True)
class _Entry:
    """One job that is followed."""

    wish: Wish
    followers: set[FollowedJob] = field(default_factory=set)
    #: All queues in which followers look for it.
    queues: tuple[str, ...] = ()
    #: The keys whose writes change its mark.
    keys: tuple[bytes, ...] = ()
    #: Whether Redis will send a notice of the next write to one of its keys.
    is_registered: bool = False


class FollowedJobs:
    """Reads the marks of all jobs that a process follows.

    Args:
        core: Where to read.
        notices: The notices of writes.
        wishes: Where to ask for outcomes that are not kept.
    """

    def __init__(self, core: Core, notices: Notices, wishes: Wishes) -> None:
        self._core = core
        self._notices = notices
        self._wishes = wishes
        self._entries: dict[str, _Entry] = {}
        self._ids_by_key: dict[bytes, str] = {}
        #: The jobs to be read next, the longest wait first.
        self._stale: dict[str, None] = {}
        self._is_stale = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        notices.listen(self._notice)

    def add(self, job: FollowedJob) -> None:
        """Follow a job for one more caller."""
        self._notices.start()
        entry = self._entries.get(job.job_id)
        if entry is None:
            entry = self._entries[job.job_id] = _Entry(Wish(self._wishes, job.job_id))
        entry.followers.add(job)
        if not set(job.queues) <= set(entry.queues):
            entry.queues = tuple(dict.fromkeys([*entry.queues, *job.queues]))
            self._set_keys(job.job_id, entry)
        entry.wish.renew()
        self.refresh(job.job_id)
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read_on())

    def discard(self, job: FollowedJob) -> None:
        """Follow it for one caller less."""
        entry = self._entries.get(job.job_id)
        if entry is None or job not in entry.followers:
            return
        entry.followers.discard(job)
        if not entry.followers:
            del self._entries[job.job_id]
            self._stale.pop(job.job_id, None)
            for key in entry.keys:
                self._ids_by_key.pop(key, None)

    def refresh(self, job_id: str) -> None:
        """Read a job soon."""
        if job_id in self._entries:
            self._stale[job_id] = None
            self._is_stale.set()

    async def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None

    def _set_keys(self, job_id: str, entry: _Entry) -> None:
        keys = self._core.keys
        own = [keys.job(job_id), keys.result(job_id), keys.in_progress(job_id)]
        own += [keys.progress(queue, job_id) for queue in entry.queues]
        # Ids of stock arq producers may be no UTF-8.
        entry.keys = tuple(key.encode(errors="surrogateescape") for key in own)
        entry.is_registered = False
        for key in entry.keys:
            self._ids_by_key[key] = job_id

    def _notice(self, keys: list[bytes] | None) -> None:
        if keys is None:
            written = list(self._entries)
        else:
            written = [job_id for key in keys if (job_id := self._ids_by_key.get(key)) is not None]
        for job_id in written:
            self._entries[job_id].is_registered = False
            self.refresh(job_id)

    async def _read_on(self) -> None:
        """Read what is stale at once, and everything from time to time."""
        clock = asyncio.get_running_loop().time
        again_at = clock() + _POLL
        while True:
            if not self._stale:
                await self._stale_or(again_at)
            if clock() >= again_at:
                self._stale |= dict.fromkeys(self._entries)
                again_at = clock() + (_POLL if self._notices.reader is None else _REREAD)
            try:
                await self._read_some()
            except BrokerError:
                self._notice(None)
                await asyncio.sleep(with_jitter(_PAUSE))

    async def _stale_or(self, moment: float) -> None:
        self._is_stale.clear()
        timer = asyncio.get_running_loop().call_at(moment, self._is_stale.set)
        try:
            await self._is_stale.wait()
        finally:
            timer.cancel()

    async def _read_some(self) -> None:
        """Read some stale jobs, for which the same queues are looked at."""
        ids, queues = self._next()
        if not ids:
            return
        for job_id in ids:
            self._entries[job_id].wish.renew()
        begin = asyncio.get_running_loop().time()
        await self._register(ids)
        now_ms, marks = await read_marks(self._core, queues, ids)
        if wishes := [wish for job_id in ids if (wish := self._wish_of(job_id)) is not None]:
            await asyncio.wait(wishes, timeout=_PAUSE)
        for job_id, mark in zip(ids, marks, strict=True):
            due_ms = due_ms_of(mark)
            if due_ms is not None and due_ms - now_ms < _REREAD * 1000:
                # Nobody writes anything when it becomes due.
                asyncio.get_running_loop().call_later((due_ms - now_ms + 1) / 1000, self.refresh, job_id)
            entry = self._entries.get(job_id)
            for follower in list(entry.followers) if entry else ():
                follower.see(mark, begin)

    def _wish_of(self, job_id: str) -> "asyncio.Future[int] | None":
        """Return the request for the job's outcome that is still on its way."""
        entry = self._entries.get(job_id)
        return None if entry is None or entry.wish.sent.done() else entry.wish.sent

    def _next(self) -> tuple[list[str], tuple[str, ...]]:
        ids: list[str] = []
        queues: tuple[str, ...] = ()
        for job_id in self._stale:
            its_queues = self._entries[job_id].queues
            queues = queues or its_queues
            if its_queues == queues:
                ids.append(job_id)
            if len(ids) == MOST_AT_ONCE:
                break
        for job_id in ids:
            del self._stale[job_id]
        return ids, queues

    async def _register(self, ids: Sequence[str]) -> None:
        """Have Redis send notices of the next write; the marks are read after that: none is missed."""
        reader = self._notices.reader
        entries = [entry for job_id in ids if not (entry := self._entries[job_id]).is_registered]
        if reader is None or not entries:
            return
        for entry in entries:
            entry.is_registered = True
        try:
            await reader.read([("EXISTS", *(key for entry in entries for key in entry.keys))])
        except BrokerError:
            # They are polled until the connection is back: then every job counts as written.
            return
