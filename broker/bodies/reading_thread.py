"""Decides where stored bytes are decoded: in the event loop, or in a thread if they are large.

stored.py decodes jobs and results, catalogue_reader.py the catalogues of workers.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from jobgate.broker.bodies.codecs import Codec
from jobgate.broker.bodies.stored import decode_job, decode_result
from jobgate.broker.catalogue import Catalogue, read_catalogue
from jobgate.broker.errors import DecodeError
from jobgate.broker.pickles import QUICK, TooLarge
from jobgate.broker.records import JobBody, JobResult

Decoded = TypeVar("Decoded")

#: Seconds to wait for a large pickle that is decoded in the thread, including the wait for its turn.
DECODE_TIMEOUT = 3.0
#: Longest catalogue in bytes that is read in the event loop; it takes a few milliseconds.
_SHORT_CATALOGUE = 16_384


@dataclass(slots=True)
class _Decoding:
    """A value that is being decoded in the thread, and how many callers wait for it."""

    future: "asyncio.Future[Any]"
    waiters: int = 0


class Decoder:
    """Turns stored bytes into records.

    Reading a pickle as plain data may take up to a second. A large one is read in a thread, one at a time, so
    that the event loop stays responsive; callers who wait for the same bytes share one decoding. They give up
    at `until`, a time of the event loop, by default after `DECODE_TIMEOUT`.

    Args:
        codec: For bytes whose codec cannot be recognised.
        trust_pickle: Unpickle fully, which runs code that the writer chose.
    """

    def __init__(self, codec: Codec, trust_pickle: bool = False) -> None:
        self._decode_job = partial(decode_job, codec=codec, trust_pickle=trust_pickle)
        self._decode_result = partial(decode_result, codec=codec, trust_pickle=trust_pickle)
        self._thread: ThreadPoolExecutor | None = None
        #: What is being decoded now, by the arguments of its decoder.
        self._decodings: dict[tuple[Any, ...], _Decoding] = {}

    def job_at_once(self, blob: bytes) -> JobBody:
        """Decode a stored job without the thread. Raises DecodeError."""
        return self._decode_job(blob)

    async def job(self, blob: bytes, *, until: float | None = None) -> JobBody:
        """Decode a stored job. Raises DecodeError."""
        try:
            return self._decode_job(blob, limits=QUICK)
        except TooLarge:
            return await self._in_thread(until, self._decode_job, blob)

    async def result(self, blob: bytes, job_id: str, *, until: float | None = None) -> JobResult:
        """Decode a stored result. Raises DecodeError."""
        try:
            return self._decode_result(blob, job_id, limits=QUICK)
        except TooLarge:
            return await self._in_thread(until, self._decode_result, blob, job_id)

    async def job_or_none(self, blob: bytes | None, *, until: float | None = None) -> JobBody | None:
        """Decode a stored job; None if there is none or it cannot be read."""
        try:
            return None if blob is None else await self.job(blob, until=until)
        except DecodeError:
            return None

    async def result_or_none(
        self, blob: bytes | None, job_id: str, *, until: float | None = None
    ) -> JobResult | None:
        """Decode a stored result; None if there is none or it cannot be read."""
        try:
            return None if blob is None else await self.result(blob, job_id, until=until)
        except DecodeError:
            return None

    async def catalogue(self, stored: bytes, digest: str) -> Catalogue:
        """Read the catalogue of a worker. Raises DecodeError."""
        if len(stored) <= _SHORT_CATALOGUE:
            return read_catalogue(stored, digest)
        return await self._in_thread(None, read_catalogue, stored, digest)

    def close(self) -> None:
        """Accept no more work. Does not wait for the decoding in progress."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    async def _in_thread(self, until: float | None, decode: Callable[..., Decoded], *args: Any) -> Decoded:
        loop = asyncio.get_running_loop()
        decoding = self._decodings.get(args) or self._begin(loop, decode, args)
        decoding.waiters += 1
        try:
            async with asyncio.timeout_at(loop.time() + DECODE_TIMEOUT if until is None else until):
                decoded: Decoded = await asyncio.shield(decoding.future)
                return decoded
        except TimeoutError:
            raise TooLarge("Stored data take too long to read: try again, or store less.") from None
        finally:
            decoding.waiters -= 1
            if not decoding.waiters:
                decoding.future.cancel()  # only a decoding that has not begun can still be cancelled
                self._forget(args, decoding)

    def _begin(
        self, loop: asyncio.AbstractEventLoop, decode: Callable[..., Any], args: tuple[Any, ...]
    ) -> _Decoding:
        # One thread: several would need its memory several times and be no faster.
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobgate-reader")
        decoding = _Decoding(loop.run_in_executor(self._thread, partial(decode, *args)))
        self._decodings[args] = decoding
        decoding.future.add_done_callback(lambda _: self._end(args, decoding))
        return decoding

    def _end(self, args: tuple[Any, ...], decoding: _Decoding) -> None:
        self._forget(args, decoding)
        if not decoding.future.cancelled():
            decoding.future.exception()  # marked as retrieved: all callers may have gone

    def _forget(self, args: tuple[Any, ...], decoding: _Decoding) -> None:
        if self._decodings.get(args) is decoding:
            del self._decodings[args]
