"""Waiting for results: Redis pushes notices of writes; polling is the fallback. Keys are authoritative."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from jobgate.broker.errors import BrokerError, DataSetChanged
from jobgate.broker.link import Coalescer
from jobgate.broker.part import Core, Part
from jobgate.broker.records import JobResult
from jobgate.broker.waiting.followed_jobs import FollowedJob, FollowedJobs
from jobgate.broker.waiting.notices import MOST_AT_ONCE, Notices
from jobgate.broker.waiting.watch import Seen, Watch
from jobgate.broker.waiting.wishes import Wishes


class WatchPart(Part):
    """Waits for results, and for other changes of jobs."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._watcher = ResultWatcher(core)
        self._notices = self._watcher.notices
        self._followed = FollowedJobs(core, self._notices, self._watcher.wishes)

    def watch(self, job_id: str, *, in_request: bool = False) -> Watch:
        """Return a watch for a result, which may begin before the job is enqueued.

        Args:
            job_id: Id of the job.
            in_request: The job is enqueued within, and its request says that somebody waits: by
                `wants_outcome` and by the watch's address. Then Redis need not be informed or asked
                separately.

        ```
        with broker.watch(job_id, in_request=True) as watch:
            options = JobOptions(wants_outcome=True)
            request = JobRequest(function="add", args=[1, 2], job_id=job_id, options=options)
            await broker.enqueue(request, answer_to=watch.answer_to)
            result = await watch.wait(5)
        ```
        """
        return Watch(self._watcher, job_id, in_request=in_request)

    async def wait(self, job_id: str, timeout: float) -> JobResult | None:
        """Wait up to `timeout` seconds for a result; see `Watch.wait`."""
        with self.watch(job_id) as watch:
            return await watch.wait(timeout)

    def follow(self, job_id: str, *, queues: Sequence[str] = (), notify: Callable[[], None]) -> FollowedJob:
        """Return a job that is followed while the block runs: its mark is kept up to date.

        Args:
            job_id: Id of the job.
            queues: Where to look for it; empty = the default queue.
            notify: Called after each read that has found another mark.

        ```
        with broker.follow("42", notify=changed.set) as job:
            await changed.wait()
            print(job.mark)
        ```
        """
        return FollowedJob(self._followed, job_id, tuple(queues) or (self.keys.default_queue,), notify)

    async def _drain(self) -> None:
        await self._notices.close()
        await self._followed.close()
        await self._watcher.close()
        await super()._drain()


class _Look(NamedTuple):
    job_id: str
    #: Also ask whether the job itself still exists.
    ask_job: bool = False
    #: The result's key was written. If it is empty again, an outcome that is not kept was handed over.
    noticed: bool = False


class ResultWatcher:
    """Serves all watches of a process."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.notices = Notices(core, self._answer)
        self.notices.listen(self._notice)
        self._numbers = itertools.count()
        #: The watches to which an answer will be sent, by the number of their call.
        self._asking: dict[bytes, Watch] = {}
        self._prefix = core.keys.result("").encode()
        self._watches: dict[str, set[Watch]] = {}
        self._looks: Coalescer[_Look, Seen] = Coalescer(self._send, max_items=MOST_AT_ONCE, in_flight=1)
        self.wishes = Wishes(core)

    @property
    def pushes(self) -> bool:
        """Whether Redis sends notices; if not, keys are polled."""
        return self.notices.reader is not None

    @property
    def data_set(self) -> str | None:
        """Name of the data set as this process last saw it."""
        return self._core.data_set.known

    def add(self, watch: Watch) -> None:
        """Register a watch; give it an address for its answer, or read its key to get a notice."""
        self.notices.start()
        self._watches.setdefault(watch.job_id, set()).add(watch)
        reader = self.notices.reader
        if watch.in_request and reader is not None and reader.process is not None:
            number = str(next(self._numbers))
            watch.answer_to = f"{reader.process}.{number}"
            self._asking[number.encode()] = watch
        else:
            self._refresh(watch.job_id)

    def discard(self, watch: Watch) -> None:
        """Forget a watch."""
        if watch.answer_to is not None:
            self._asking.pop(watch.answer_to.partition(".")[2].encode(), None)
        watches = self._watches.get(watch.job_id, set())
        watches.discard(watch)
        if not watches:
            self._watches.pop(watch.job_id, None)

    async def look(self, watch: Watch) -> bool:
        """Read a watched key now; returns whether to keep waiting. Raises DataSetChanged."""
        waiting = self._waiting_for(watch.job_id)
        try:
            seen = await self._looks.submit(_Look(watch.job_id, ask_job=True))
        except BrokerError:
            return True
        self._arrived(watch.job_id, waiting, seen)
        if seen.blob is None and not seen.job_exists and watch.has_lost_data(seen):
            raise DataSetChanged
        return seen.blob is None and seen.job_exists

    def read_again(self, watch: Watch) -> "asyncio.Future[Seen]":
        """Read a watched key; if neither the job nor its result is there, the watch looks for itself."""
        found = partial(self._found_again, watch, self._waiting_for(watch.job_id))
        read = self._looks.submit(_Look(watch.job_id, ask_job=True))
        read.add_done_callback(found)
        return read

    def read(self, blob: bytes, job_id: str) -> Awaitable[JobResult]:
        """Decode a stored result. Raises DecodeError."""
        return self._core.decoder.result(blob, job_id)

    async def close(self) -> None:
        """Wait for pending reads; watches that still wait end with their timeout."""
        await self._looks.drain()
        await self.wishes.drain()

    def _refresh(self, job_id: str, *, noticed: bool = False) -> None:
        deliver = partial(self._deliver, job_id, self._waiting_for(job_id) if noticed else frozenset())
        self._looks.submit(_Look(job_id, noticed=noticed)).add_done_callback(deliver)

    def _waiting_for(self, job_id: str) -> frozenset[Watch]:
        """Return the watches whose job was enqueued before the read that begins now."""
        return frozenset(watch for watch in self._watches.get(job_id, ()) if watch.waits)

    def _deliver(self, job_id: str, waiting: frozenset[Watch], seen: "asyncio.Future[Seen]") -> None:
        # After a read that failed, the watches read again by themselves, at their interval.
        if seen.cancelled() or seen.exception() is not None:
            return
        self._arrived(job_id, waiting, seen.result())

    def _found_again(self, watch: Watch, waiting: frozenset[Watch], read: "asyncio.Future[Seen]") -> None:
        self._deliver(watch.job_id, waiting, read)
        if not read.cancelled() and read.exception() is None and not read.result().job_exists:
            watch.look_at_once()

    def _arrived(self, job_id: str, waiting: frozenset[Watch], seen: Seen) -> None:
        for watch in self._watches.get(job_id, ()):
            if seen.is_handed_over and watch not in waiting:
                watch.look_at_once()
            else:
                watch.see(seen)

    def _notice(self, keys: list[bytes] | None) -> None:
        if keys is None:
            written = list(self._watches)
        else:
            start = len(self._prefix)
            written = [key[start:].decode(errors="replace") for key in keys if key.startswith(self._prefix)]
        for job_id in written:
            if job_id in self._watches:
                self._refresh(job_id, noticed=True)

    def _answer(self, message: bytes) -> None:
        """Take the outcome that a worker has sent to one watch. No other job can have its number."""
        number, _, blob = message.partition(b" ")
        watch = self._asking.get(number)
        if watch is None:
            return
        if blob:
            watch.take(blob)
        else:
            self._refresh(watch.job_id, noticed=True)

    async def _send(self, looks: Sequence[_Look], since: float) -> Sequence[Seen]:
        keys = self._core.keys
        # The job first: if it is gone, its result is there already, since one script does both.
        # Each once, however many callers wait for it: a result may be megabytes large.
        asked = list(dict.fromkeys(look.job_id for look in looks if look.ask_job))
        wanted = list(dict.fromkeys(look.job_id for look in looks))
        commands: list[tuple[Any, ...]] = [("EXISTS", keys.job(job_id)) for job_id in asked]
        commands.append(("MGET", *map(keys.result, wanted), keys.epoch))
        *exists, (*blobs, name) = await self._read(commands)
        self._core.data_set.note(name)
        data_set = self._core.data_set.latest
        job_exists = dict(zip(asked, map(bool, exists), strict=True))
        blob_of = dict(zip(wanted, blobs, strict=True))
        seen = [Seen(blob_of[look.job_id], job_exists.get(look.job_id, True), data_set) for look in looks]
        return await self._with_handed_over(looks, seen)

    async def _with_handed_over(self, looks: Sequence[_Look], seen: list[Seen]) -> list[Seen]:
        """Add outcomes that are not kept, for the reads that may find one."""
        wanted = {
            look.job_id: None
            for look, found in zip(looks, seen, strict=True)
            if found.blob is None and (look.noticed or not found.job_exists)
        }
        if not wanted:
            return seen
        blobs = await self._core.link.command("MGET", *map(self._core.keys.outcome, wanted))
        blob_of = dict(zip(wanted, blobs, strict=True))
        return [
            found._replace(blob=blob, is_handed_over=True)
            if found.blob is None and (blob := blob_of.get(look.job_id)) is not None
            else found
            for look, found in zip(looks, seen, strict=True)
        ]

    async def _read(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        if (reader := self.notices.reader) is not None:
            return await reader.read(commands)
        return [await self._core.link.command(*command) for command in commands]
