"""Child processes of `jobgate dev`: their lines with a prefix, their end in order, never without a parent."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Self

#: Columns of the prefix: the longest name is `gateway`.
PREFIX_WIDTH: Final = 7
#: Seconds to wait for the last lines of a child that has ended.
LAST_LINES_TIMEOUT: Final = 1.0
_PR_SET_PDEATHSIG: Final = 1


class Child:
    """One `jobgate` command that runs as a child process, in a session of its own.

    Ctrl-C in the terminal reaches only the parent, which ends its children in its own order.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, say: Callable[[str], None]) -> None:
        """Use `Child.start`."""
        self.name = name
        self._process = process
        self._say = say
        self._relay = asyncio.create_task(self._relay_lines())

    @classmethod
    async def start(cls, name: str, words: Sequence[str], say: Callable[[str], None]) -> Self:
        """Start `jobgate WORDS…`; each line that it writes goes to `say` with `name` before it."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "jobgate.cli", *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )
        return cls(name, process, say)

    async def wait(self) -> int:
        """Wait until it has ended and its last line was passed on; return its exit code."""
        code = await self._process.wait()
        # Not for ever: a process that it left behind may hold the pipe open.
        await asyncio.wait([self._relay], timeout=LAST_LINES_TIMEOUT)
        return code

    async def stop(self, timeout: float) -> int:
        """Send SIGTERM, after `timeout` seconds SIGKILL; return the exit code. Safe to repeat."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return await asyncio.wait_for(self.wait(), timeout)
        except TimeoutError:
            self._say(f"{self.name} did not stop within {timeout:g} s and was killed.")
            self.kill()
            return await self.wait()

    def kill(self) -> None:
        """Send SIGKILL; does nothing when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _relay_lines(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        async for line in _lines(self._process.stdout):
            self._say(f"{self.name:<{PREFIX_WIDTH}} | {line}")


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    # StreamReader.readline refuses long lines; a log may hold any.
    rest = b""
    while chunk := await stream.read(65536):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")
    if rest:
        yield rest.decode(errors="replace")


def die_with_parent(sign: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel end this process with a signal when its parent ends, even by `kill -9`. Linux only."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, sign)
