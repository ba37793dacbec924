"""Lines of standard input, each of which is one call."""

import asyncio
import codecs
import hashlib
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from jobgate.cli.calls import Arguments, json_or_text

#: Bytes that are read at once.
_CHUNK: Final = 256 * 1024
#: Bytes of the longest line; a gateway takes 1 MiB by default.
_LONGEST: Final = 16 * 1024 * 1024
#: Size of a file whose lines are counted beforehand.
_COUNTED: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line."""

    #: The first is 1.
    number: int
    #: Without its line end.
    data: bytes

    def arguments(self, fixed: Arguments, *, is_text: bool) -> Arguments:
        """Return the arguments that the line means, followed by those that all lines have.

        Args:
            fixed: The arguments of all lines. Those by name give way to the line's own.
            is_text: Whether the line is text, also where it is JSON.

        Raises:
            ValueError: It is too long or not in UTF-8.
        """
        if len(self.data) > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} bytes")
        try:
            text = self.data.decode()
        except UnicodeDecodeError:
            raise ValueError("it is not in UTF-8") from None
        value: Any = text if is_text else json_or_text(text)
        if isinstance(value, dict):
            return Arguments(fixed.args, {**fixed.kwargs, **value})
        args = value if isinstance(value, list) else [value]
        return Arguments([*args, *fixed.args], fixed.kwargs)

    def job_id(self, prefix: str, function: str) -> str:
        """Return an id for its job, which is the same for the same line and function."""
        digest = hashlib.sha256(function.encode() + b"\0" + self.data).hexdigest()
        return f"{prefix}-{digest[:24]}"


class Lines:
    """The lines of a file that may be a pipe or a terminal; empty ones are left out.

    Args:
        descriptor: The file.
        skip: How many lines to leave out at the beginning.
    """

    def __init__(self, descriptor: int, *, skip: int = 0) -> None:
        self._descriptor = descriptor
        self._skip = skip
        self._is_stopped = False
        self._wake = asyncio.Event()
        #: Number of the last line that has been taken.
        self.last = skip

    def stop(self) -> None:
        """Let the lines end here."""
        self._is_stopped = True
        self._wake.set()

    def count(self) -> int | None:
        """Return how many lines there are; None where that cannot be known beforehand."""
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _COUNTED:
            return None
        start = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            number = sum(1 for number, line in enumerate(file, 1) if number > self._skip and line.strip())
        os.lseek(self._descriptor, start, os.SEEK_SET)
        return number

    async def __aiter__(self) -> AsyncIterator[Line]:
        """Yield the lines until the end of the file, or until `stop`."""
        number = 0
        async for data in self._split():
            number += 1
            if number == 1:
                data = data.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901 - some editors begin a file with it
            if number > self._skip:
                self.last = number
                if data.strip():
                    yield Line(number, data.rstrip(b"\r"))
            if self._is_stopped:
                return

    async def _split(self) -> AsyncIterator[bytes]:
        """Yield what stands between line ends. Of a line that is too long only the beginning is kept."""
        rest = b""
        while chunk := await self._read():
            *whole, last = chunk.split(b"\n")
            for data in whole:
                yield rest + data
                rest = b""
            if len(rest) <= _LONGEST:
                rest += last
        if rest and not self._is_stopped:
            yield rest

    async def _read(self) -> bytes:
        """Return what is there, once there is something; nothing at the end and after `stop`."""
        if not self._is_stopped:
            await self._readable()
        return b"" if self._is_stopped else os.read(self._descriptor, _CHUNK)

    async def _readable(self) -> None:
        """Wait until there is something to read, or until `stop`."""
        loop = asyncio.get_running_loop()
        self._wake.clear()
        try:
            loop.add_reader(self._descriptor, self._wake.set)
        except PermissionError:  # a file, which can always be read
            return
        try:
            await self._wake.wait()
        finally:
            loop.remove_reader(self._descriptor)
