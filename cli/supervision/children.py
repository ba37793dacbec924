"""Child processes that run `jobgate` commands and never outlive their parent."""

import asyncio
import contextlib
import ctypes  # noqa: F401 - `die_with_parent` must not import it in a process that is just being forked
import functools
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, Self

from jobgate.cli.process_one import die_with_parent

#: Columns of the prefix: the longest name is `gateway`.
PREFIX_WIDTH: Final = 7
#: Seconds to wait for the last lines of a child that has ended.
LAST_LINES_TIMEOUT: Final = 1.0


async def start_command(
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    **options: Any,
) -> asyncio.subprocess.Process:
    """Start `jobgate WORDS…` as a child process.

    It has its own session: Ctrl-C in the terminal reaches only the parent, which stops its children in order.

    Args:
        words: The command line after `jobgate`.
        environment: All variables of the child.
        death_signal: Signal that the child gets when this process ends, on Linux.
        options: As for `asyncio.create_subprocess_exec`.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "jobgate.cli", *words),
        env=environment,
        start_new_session=True,
        preexec_fn=functools.partial(die_with_parent, death_signal) if sys.platform == "linux" else None,
        **options,
    )


def watch_children_without_threads() -> None:
    """Have the running loop wait for children without threads, as it does since Python 3.12.

    When a process with threads is killed, Linux sends its children the death signal for each of them that
    ends, and a second SIGTERM skips the drain time and the waiting for running jobs.
    """
    if sys.platform == "linux" and sys.version_info < (3, 12):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)


class Child:
    """A child process whose output is relayed line by line, prefixed with its name."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, say: Callable[[str], None]) -> None:
        """Use `Child.start`."""
        self.name = name
        self._process = process
        self._say = say
        self._relay = asyncio.create_task(self._relay_lines())

    @classmethod
    async def start(cls, name: str, words: Sequence[str], say: Callable[[str], None]) -> Self:
        """Start `jobgate WORDS…`; `say` gets each line that it writes."""
        process = await start_command(
            words,
            {**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return cls(name, process, say)

    async def wait(self) -> int:
        """Wait until it has ended and its last line is relayed; return its exit code."""
        code = await self._process.wait()
        # With a timeout: a process that it left behind may hold the pipe open.
        await asyncio.wait([self._relay], timeout=LAST_LINES_TIMEOUT)
        return code

    async def stop(self, timeout: float) -> None:
        """Send SIGTERM, and SIGKILL after `timeout` seconds; wait until it has ended. Safe to repeat."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self.wait(), timeout)
        except TimeoutError:
            self._say(f"{self.name} did not stop within {timeout:g} s and was killed.")
            self.kill()
            await self.wait()

    def kill(self) -> None:
        """Send SIGKILL; does nothing when the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _relay_lines(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        async for line in _lines(self._process.stdout):
            self._say(f"{self.name:<{PREFIX_WIDTH}} | {line}")


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    # StreamReader.readline raises on long lines, which a log may contain.
    rest = b""
    while chunk := await stream.read(65536):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")
    if rest:
        yield rest.decode(errors="replace")
