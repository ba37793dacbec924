"""What all parts of the broker share."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from jobgate.broker.bodies.codecs import Codec
from jobgate.broker.bodies.stored import decode_job, decode_result
from jobgate.broker.errors import DecodeError
from jobgate.broker.keys import Keys
from jobgate.broker.link.data_set import DataSet
from jobgate.broker.link.link import Link
from jobgate.broker.pickles import QUICK, TooLarge
from jobgate.broker.records import JobBody, JobResult

Item = TypeVar("Item")

#: How long a body outlives its due time, in ms: arq's `expires_extra_ms`.
BODY_TTL_MS = 86_400_000
#: How long the mark of an end without a result is kept, in ms: longer than any call is repeated.
ENDED_TTL_MS = 15_000
_FARTHEST_MS = 2.0**62
#: The longest duration that a script is given, in seconds (31,000 years): Redis takes no more than 64 bits.
_LONGEST = 1e12


def to_ms(seconds: float) -> int:
    """Seconds as whole milliseconds, at least 1 for anything above 0; cut to what Redis can take."""
    return max(round(min(seconds, _LONGEST) * 1000), 1) if seconds > 0 else 0


def ms_of(score: bytes) -> int:
    """A score as whole milliseconds, cut to what 64 bits hold: it may be any number, infinity too."""
    return int(min(max(float(score), -_FARTHEST_MS), _FARTHEST_MS))


def keep_ms(keep: float | None) -> int:
    """How the scripts are told to keep a result: -1 = for ever, 0 = not at all, else ms."""
    return -1 if keep is None else to_ms(keep)


def by_queue(items: Iterable[Item], queue_of: Callable[[Item], str]) -> dict[str, list[Item]]:
    """Sort items by queue; each script call serves one."""
    queues: dict[str, list[Item]] = {}
    for item in items:
        queues.setdefault(queue_of(item), []).append(item)
    return queues


#: Seconds to wait for a large pickle that is read in the thread, its turn included.
PATIENCE = 3.0


@dataclass(slots=True)
class _Reading:
    """What is being read in the thread, and how many wait for it."""

    future: "asyncio.Future[Any]"
    waiters: int = 0


class Reader:
    """Turns stored bytes into records, with the trust that this process has in them.

    A pickle that is read as plain data may take up to a second. What takes longer than a moment is read in
    a thread, one at a time, so that the event loop goes on; for all who wait for the same result it is read
    once. Who waits has patience until `until`, a time of the event loop; by default for `PATIENCE`.
    """

    def __init__(self, codec: Codec, trust_pickle: bool = False) -> None:
        self._decode_job = partial(decode_job, codec=codec, trust_pickle=trust_pickle)
        self._decode_result = partial(decode_result, codec=codec, trust_pickle=trust_pickle)
        self._thread: ThreadPoolExecutor | None = None
        #: What is being read now, by the arguments of its decoder.
        self._reading: dict[tuple[Any, ...], _Reading] = {}

    def job_at_once(self, blob: bytes) -> JobBody:
        """Decode a stored job without a thread. Raises DecodeError."""
        return self._decode_job(blob)

    async def job(self, blob: bytes, *, until: float | None = None) -> JobBody:
        """Decode a stored job. Raises DecodeError."""
        try:
            return self._decode_job(blob, limits=QUICK)
        except TooLarge:
            return await self._slowly(until, self._decode_job, blob)

    async def result(self, blob: bytes, job_id: str, *, until: float | None = None) -> JobResult:
        """Decode a stored result. Raises DecodeError."""
        try:
            return self._decode_result(blob, job_id, limits=QUICK)
        except TooLarge:
            return await self._slowly(until, self._decode_result, blob, job_id)

    async def job_or_none(self, blob: bytes | None, *, until: float | None = None) -> JobBody | None:
        """Decode a stored job; None where there is none or it cannot be read."""
        try:
            return None if blob is None else await self.job(blob, until=until)
        except DecodeError:
            return None

    async def result_or_none(
        self, blob: bytes | None, job_id: str, *, until: float | None = None
    ) -> JobResult | None:
        """Decode a stored result; None where there is none or it cannot be read."""
        try:
            return None if blob is None else await self.result(blob, job_id, until=until)
        except DecodeError:
            return None

    def close(self) -> None:
        """Take nothing more. Does not wait for what is being read."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    async def _slowly(self, until: float | None, decode: Callable[..., Item], *args: Any) -> Item:
        loop = asyncio.get_running_loop()
        reading = self._reading.get(args) or self._begin(loop, decode, args)
        reading.waiters += 1
        try:
            async with asyncio.timeout_at(loop.time() + PATIENCE if until is None else until):
                answer: Item = await asyncio.shield(reading.future)
                return answer
        except TimeoutError:
            raise TooLarge("Stored data take too long to read: ask again, or store less.") from None
        finally:
            reading.waiters -= 1
            if not reading.waiters:
                reading.future.cancel()  # what has not begun never will; what is done stays done
                self._forget(args, reading)

    def _begin(
        self, loop: asyncio.AbstractEventLoop, decode: Callable[..., Any], args: tuple[Any, ...]
    ) -> _Reading:
        # One thread, because several would need its memory several times and be no faster.
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobgate-reader")
        reading = _Reading(loop.run_in_executor(self._thread, partial(decode, *args)))
        self._reading[args] = reading
        reading.future.add_done_callback(lambda future: self._end(args, reading))
        return reading

    def _end(self, args: tuple[Any, ...], reading: _Reading) -> None:
        self._forget(args, reading)
        if not reading.future.cancelled():
            reading.future.exception()  # all who asked may have gone away

    def _forget(self, args: tuple[Any, ...], reading: _Reading) -> None:
        if self._reading.get(args) is reading:
            del self._reading[args]


@dataclass(frozen=True, slots=True)
class Core:
    """The link to Redis, the key names of one namespace, and how bodies are written and read."""

    link: Link
    keys: Keys
    codec: Codec
    reader: Reader
    data_set: DataSet = field(default_factory=DataSet)
