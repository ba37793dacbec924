"""Waiting for results: pushed by tracking, read as the truth, polled where push is not to be had."""

import asyncio
import logging
import random
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self

from jobgate.broker.core import Core
from jobgate.broker.errors import BrokerError, BrokerMisconfigured, DataSetChanged
from jobgate.broker.link.coalescer import Coalescer
from jobgate.broker.records import JobResult
from jobgate.broker.waiting.tracker import TrackedReader, tracked_reader
from jobgate.broker.waiting.wishes import Wish, Wishes

logger = logging.getLogger("jobgate.broker")

#: Seconds after which a key is read again although no notice came: a notice is a hint, never the truth.
REREAD_INTERVAL = 2.0
#: The same where Redis refuses tracking or the connection for it is down.
POLL_INTERVAL = 0.25
#: Seconds that the look at the end of a wait may take.
LAST_LOOK = 0.5
#: Seconds until a refused or lost tracking connection is tried again.
_LOST_PAUSE, _REFUSED_PAUSE = 0.5, 30.0


class _Look(NamedTuple):
    job_id: str
    #: Ask as well whether the job itself still exists.
    ask_job: bool = False
    #: The key was written: where it is empty by now, an outcome that is not kept was handed over.
    noticed: bool = False


class _Seen(NamedTuple):
    blob: bytes | None
    job_exists: bool
    #: Name of the data set that was looked at.
    data_set: str | None
    #: It is no kept result but was handed over: perhaps by the last job of this id.
    is_handed_over: bool = False


class Watch:
    """One caller's interest in one result; made by `Broker.watch`, used as a context manager."""

    def __init__(self, watcher: "ResultWatcher", job_id: str, *, in_request: bool = False) -> None:
        self._watcher = watcher
        self._wish = None if in_request else Wish(watcher.wishes, job_id)
        self.job_id = job_id
        self._blob: bytes | None = None
        self._data_set = watcher.data_set
        self._has_looked = False
        #: Whether its job has been enqueued: only then is an outcome that was handed over surely that job's.
        self.waits = False
        self._looks_at_once = False
        #: Ends the pause between two looks: True = the result is there.
        self._pause: asyncio.Future[bool] | None = None

    def __enter__(self) -> Self:
        self._watcher.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watcher.discard(self)

    def see(self, seen: "_Seen") -> None:
        """Take what a look has found: the name of the data set at the first one, and the stored result."""
        if not self._has_looked:
            self._has_looked, self._data_set = True, seen.data_set or self._data_set
        if seen.blob is not None:
            self._blob = self._blob or seen.blob
            self._end_pause(True)

    def look_at_once(self) -> None:
        """Look again, not waiting for a notice: what was seen may belong to an earlier job of this id."""
        self._looks_at_once = True
        self._end_pause(False)

    def has_lost_data(self, seen: "_Seen") -> bool:
        """Whether what the first look, or one before it, has found went with all data."""
        return self._data_set is not None and seen.data_set != self._data_set

    async def wait(self, timeout: float, *, poll: float = POLL_INTERVAL) -> JobResult | None:
        """Wait until the result is there; one waits at a time.

        A Redis that is away in between is waited out; only time ends the wait.

        Args:
            timeout: seconds; 0 = look once. One last look may take `LAST_LOOK` seconds more.
            poll: seconds between two looks while Redis does not push.

        Returns:
            The result; None when it is not there in time, or will never be: the job is gone without one.

        Raises:
            DecodeError: the stored result cannot be read.
            DataSetChanged: the job is gone with all that Redis held when the wait began.
        """
        return None if await self.stored(timeout, poll=poll) is None else await self.read()

    async def read(self) -> JobResult | None:
        """Decode the result, if it is there. Raises DecodeError."""
        return None if self._blob is None else await self._watcher.read(self._blob, self.job_id)

    async def stored(self, timeout: float, *, poll: float = POLL_INTERVAL) -> bytes | None:
        """Wait as `wait` does; the result as it is stored, one object for all watches of the job."""
        self.waits = True
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while self._blob is None:
            if self._wish is not None and timeout > 0:
                self._wish.tell()
            left = end - loop.time()
            interval = REREAD_INTERVAL if self._watcher.pushes else poll
            if left > 0 and not self._looks_at_once and await self._noticed(min(left, interval)):
                break
            self._looks_at_once = False
            if not await self._look(end + LAST_LOOK) or left <= 0:
                break
        return self._blob

    @property
    def has_ended(self) -> bool:
        """Whether the result is there."""
        return self._blob is not None

    async def notice(self, seconds: float) -> None:
        """Wait for a notice that the result is there, for so long at most; Redis is asked nothing."""
        self.waits = True
        if self._blob is None:
            if self._wish is not None:
                self._wish.tell()
            await self._noticed(seconds)

    async def _look(self, end: float) -> bool:
        """Look, and answer whether waiting on makes sense; a Redis that hangs must not outlast the wait."""
        try:
            async with asyncio.timeout_at(end):
                return await self._watcher.look(self)
        except TimeoutError:
            return False

    async def _noticed(self, seconds: float) -> bool:
        # By hand: an Event under asyncio.timeout costs a call over HTTP a tenth of its time.
        loop = asyncio.get_running_loop()
        self._pause = loop.create_future()
        timer = loop.call_later(seconds, self._end_pause, False)
        try:
            return await self._pause
        finally:
            timer.cancel()

    def _end_pause(self, is_there: bool) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(is_there)


class ResultWatcher:
    """Serves all watches of a process with one pair of connections; connects when first used."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._prefix = core.keys.result("").encode()
        self._watches: dict[str, set[Watch]] = {}
        self._looks: Coalescer[_Look, _Seen] = Coalescer(self._send, in_flight=1)
        self.wishes = Wishes(core)
        self._reader: TrackedReader | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def pushes(self) -> bool:
        """Whether notices come; without, keys are polled."""
        return self._reader is not None

    @property
    def data_set(self) -> str | None:
        """Name of the data set as far as this process knows."""
        return self._core.data_set.known

    def add(self, watch: Watch) -> None:
        """Register a watch and read its key, which arms the notice."""
        if self._supervisor is None:
            self._supervisor = asyncio.get_running_loop().create_task(self._supervise())
        self._watches.setdefault(watch.job_id, set()).add(watch)
        self._refresh(watch.job_id)

    def discard(self, watch: Watch) -> None:
        """Forget a watch."""
        watches = self._watches.get(watch.job_id, set())
        watches.discard(watch)
        if not watches:
            self._watches.pop(watch.job_id, None)

    async def look(self, watch: Watch) -> bool:
        """Read a watched key now; answers whether waiting on makes sense. Raises DataSetChanged."""
        waiting = self._waiting_for(watch.job_id)
        try:
            seen = await self._looks.submit(_Look(watch.job_id, ask_job=True))
        except BrokerError:
            return True
        self._arrived(watch.job_id, waiting, seen)
        if seen.blob is None and not seen.job_exists and watch.has_lost_data(seen):
            raise DataSetChanged
        return seen.blob is None and seen.job_exists

    async def read(self, blob: bytes, job_id: str) -> JobResult:
        """Decode a stored result. Raises DecodeError."""
        return await self._core.reader.result(blob, job_id)

    async def close(self) -> None:
        """Close the connections; watches that still wait fall back to nothing but their timeout."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        await self._looks.drain()
        await self.wishes.drain()

    def _refresh(self, job_id: str, *, noticed: bool = False) -> None:
        deliver = partial(self._deliver, job_id, self._waiting_for(job_id) if noticed else frozenset())
        self._looks.submit(_Look(job_id, noticed=noticed)).add_done_callback(deliver)

    def _waiting_for(self, job_id: str) -> frozenset[Watch]:
        """The watches of a job that has been enqueued before the look which begins now."""
        return frozenset(watch for watch in self._watches.get(job_id, ()) if watch.waits)

    def _deliver(self, job_id: str, waiting: frozenset[Watch], seen: "asyncio.Future[_Seen]") -> None:
        # A read that failed is repeated by the watches themselves, at their interval.
        if seen.cancelled() or seen.exception() is not None:
            return
        self._arrived(job_id, waiting, seen.result())

    def _arrived(self, job_id: str, waiting: frozenset[Watch], seen: _Seen) -> None:
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

    async def _send(self, looks: Sequence[_Look], since: float) -> Sequence[_Seen]:
        keys = self._core.keys
        # The job first: a job that is gone by then has its result already, written in the same script.
        # Each once, however many wait for it: a result may have megabytes.
        asked = list(dict.fromkeys(look.job_id for look in looks if look.ask_job))
        wanted = list(dict.fromkeys(look.job_id for look in looks))
        commands: list[tuple[Any, ...]] = [("EXISTS", keys.job(job_id)) for job_id in asked]
        commands.append(("MGET", *map(keys.result, wanted), keys.epoch))
        *exists, (*blobs, name) = await self._read(commands)
        self._core.data_set.note(name)
        data_set = self._core.data_set.latest
        job_exists = dict(zip(asked, map(bool, exists), strict=True))
        blob_of = dict(zip(wanted, blobs, strict=True))
        seen = [_Seen(blob_of[look.job_id], job_exists.get(look.job_id, True), data_set) for look in looks]
        return await self._with_handed_over(looks, seen)

    async def _with_handed_over(self, looks: Sequence[_Look], seen: list[_Seen]) -> list[_Seen]:
        """Fetch outcomes that are not kept, where a look says that there may be one."""
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
        if self._reader is not None:
            return await self._reader.read(commands)
        return [await self._core.link.command(*command) for command in commands]

    async def _supervise(self) -> None:
        while True:
            pause = _LOST_PAUSE
            try:
                async with tracked_reader(self._core.link, self._notice) as self._reader:
                    # Whatever was written while nobody was told is read now.
                    self._notice(None)
                    await self._reader.closed.wait()
            except BrokerMisconfigured:
                pause = _REFUSED_PAUSE
                logger.warning("Redis refuses CLIENT TRACKING: results are polled every %s s", POLL_INTERVAL)
            except BrokerError:
                logger.debug("the connection that tracks results is down, results are polled meanwhile")
            finally:
                self._reader = None
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
