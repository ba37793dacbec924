"""`jobgate` in a terminal, as a person sees it."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.processes.commands import JOBGATE, REPOSITORY
from harness.processes.forked import ForkedProcess, can_fork
from harness.processes.variables import environment
from harness.waiting import PATIENCE, eventually

#: Variables that say something of the terminal in which the tests run.
_OF_ANOTHER = {"COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR"}
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-_])")


class Terminal:
    """One command whose standard streams are a terminal of its own; used as a context manager.

    Args:
        words: The command line after `jobgate`.
        columns: Width of the terminal.
        rows: Its height.
        given: An open file that is its standard input; None = the terminal is.
        output: The same for its standard output.
        env: Variables besides those of all tests.
    """

    def __init__(
        self,
        *words: str,
        columns: int = 80,
        rows: int = 24,
        given: int | None = None,
        output: int | None = None,
        cwd: Path = REPOSITORY,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._argv, self._cwd = [*JOBGATE, *words], cwd
        self._given, self._output = given, output
        self._size = struct.pack("HHHH", rows, columns, 0, 0)
        kept = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER}
        self._environment = environment(kept) | {"TERM": "xterm-256color"} | dict(env or {})
        self._parts: list[bytes] = []

    def __enter__(self) -> Self:
        """Start the command."""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, self._size)
        self._process = self._started(theirs)
        os.close(theirs)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def _started(self, theirs: int) -> "subprocess.Popen[bytes] | ForkedProcess":
        given = theirs if self._given is None else self._given
        output = theirs if self._output is None else self._output
        argv, cwd, env = self._argv, self._cwd, self._environment
        if can_fork(argv, env):
            return ForkedProcess(argv, cwd=cwd, env=env, given=given, log=output, errors=theirs)
        return subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=given, stdout=output, stderr=theirs, start_new_session=True
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        os.close(self._ours)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # Linux says EIO at the end
            while part := os.read(self._ours, 65536):
                self._parts.append(part)

    @property
    def raw(self) -> bytes:
        """All that it has written so far, with the escapes that steer a terminal."""
        return b"".join(self._parts)

    @property
    def text(self) -> str:
        """The same without these, and with plain line ends."""
        return _ESCAPES.sub("", self.raw.decode(errors="replace")).replace("\r\n", "\n").replace("\r", "\n")

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until its text matches the regular expression, and return the match."""

        def found() -> re.Match[str] | None:
            match = re.search(pattern, self.text, re.MULTILINE)
            assert match or self._process.poll() is None, f"it ended without {pattern!r}: {self.text}"
            return match

        match = eventually(found, what=f"{pattern!r} in the terminal")
        assert match is not None
        return match

    def send(self, keys: str) -> None:
        """Type something."""
        os.write(self._ours, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code
