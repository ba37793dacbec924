"""Reads an NDJSON body line by line while it arrives; its memory does not depend on the body's length."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from aiohttp.web import BaseRequest, RequestPayloadError

from jobgate.gateway.http.incoming.body import answer_expectation, check_encoding, media_type
from jobgate.gateway.http.problems import Problem

if TYPE_CHECKING:
    from jobgate.gateway.http.connection import Connection

NDJSON: Final = "application/x-ndjson"

#: Bytes that are read at once, and bytes after which a batch of lines is not filled up further.
_PIECE, _ENOUGH = 64 * 1024, 256 * 1024

#: A line without its end; None = it was longer than the limit.
Line = bytes | None


def is_ndjson(request: BaseRequest) -> bool:
    """Whether the body is NDJSON; raises `Problem` 415 if it is, but compressed or not in UTF-8."""
    header = request.headers.get("Content-Type")
    if header is None or media_type(header) != NDJSON:
        return False
    check_encoding(request.headers.get("Content-Encoding"))
    return True


class BodyLines:
    """The lines of a request's body. Empty ones are skipped.

    Lines are read when they are wanted. A client that sends faster is held up, so at most a few hundred
    kilobytes and one line wait here. Used as a context manager.

    Args:
        request: The request.
        limit: The longest line that is accepted, in bytes; longer ones cost no memory.
        deadline: Seconds in which the next line must arrive once it is wanted.

    Raises:
        Problem: 417 if the client expects something other than 100-continue.
    """

    def __init__(self, request: BaseRequest, *, limit: int, deadline: float) -> None:
        answer_expectation(request)
        self._content = request.content
        self._connection = cast("Connection", request.protocol)
        self._limit = limit
        self._deadline = deadline
        #: The beginning of a line that has not arrived wholly.
        self._rest = bytearray()
        self._is_too_long = False
        self._whole: list[Line] = []
        self._arrived = 0
        #: Number of the last line that was taken, counted from 1, with empty lines.
        self.number = 0
        self._numbers: list[int] = []

    def __enter__(self) -> "BodyLines":
        """Hold the client up while nothing is read."""
        self._connection.hold_up(True)
        return self

    def __exit__(self, *_: object) -> None:
        """Let the connection decide by itself again when it reads."""
        self._connection.hold_up(False)

    @property
    def at_hand(self) -> bool:
        """Whether `take` returns without waiting."""
        self._fill_up(1)
        return bool(self._whole) or self._content.at_eof()

    async def take(self, most: int) -> Sequence[Line]:
        """Return the next lines that have arrived, at least one; empty = the body has ended.

        Args:
            most: Largest number of lines.

        Raises:
            Problem: 408 if no line arrives within the deadline, 400 if the transfer encoding is broken. Whole
                lines from before have been returned by then.
        """
        if not self._whole:
            await self._wait()
        self._fill_up(most)
        taken, self._whole = self._whole[:most], self._whole[most:]
        if taken:
            self.number = self._numbers[len(taken) - 1]
            del self._numbers[: len(taken)]
        return taken

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline) as clock:
                while not self._whole and not self._content.at_eof():
                    before = self._arrived
                    self._add(await self._content.read(_PIECE))
                    if self._arrived > before:  # empty lines are signs of life
                        clock.reschedule(loop.time() + self._deadline)
        except TimeoutError:
            detail = f"A line must arrive within {self._deadline:g} seconds of the one before."
            raise Problem("body-timeout", detail) from None
        except RequestPayloadError:
            raise Problem("malformed-request", "The body's transfer encoding is broken.") from None
        except RuntimeError:
            if self._connection.connected:
                raise
            raise ConnectionResetError("The client has gone.") from None
        if not self._whole and (self._rest or self._is_too_long):
            self._end_line()

    def _fill_up(self, most: int) -> None:
        """Read on without waiting until there are enough lines for a batch."""
        size = 0
        while len(self._whole) < most and size < _ENOUGH and self._content.exception() is None:
            piece = self._content.read_nowait(_PIECE)
            if not piece:
                break
            size += len(piece)
            self._add(piece)

    def _add(self, piece: bytes) -> None:
        first, *others = piece.split(b"\n")
        self._grow(first)
        if not others:
            return
        self._end_line()
        rest = others.pop()
        # The lines that are wholly in this piece; most of a million empty ones are skipped here.
        for number, line in enumerate(others, self._arrived + 1):
            is_too_long = len(line) > self._limit
            if is_too_long or (line and not line.isspace()):
                self._whole.append(None if is_too_long else line)
                self._numbers.append(number)
        self._arrived += len(others)
        self._grow(rest)

    def _grow(self, part: bytes) -> None:
        if self._is_too_long:
            return
        self._rest += part
        if len(self._rest) > self._limit:
            self._is_too_long = True
            self._rest.clear()

    def _end_line(self) -> None:
        self._arrived += 1
        if self._is_too_long or (self._rest and not self._rest.isspace()):
            self._whole.append(None if self._is_too_long else bytes(self._rest))
            self._numbers.append(self._arrived)
        self._rest.clear()
        self._is_too_long = False
