"""Child processes, with their output in a file, and how much time and memory they take (Linux)."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
#: Seconds for a start and for a stop, and the most bytes of its output that an error shows.
_START, _STOP, _SHOWN = 30, 15, 1_000


class Failed(Exception):
    """A program did not do what it should; the text says which, and shows the end of its output."""


class Child:
    """A process that runs, and what it and all that it has started have taken so far."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def cpu(self) -> float:
        """Seconds of processor time."""
        return cpu_seconds(self.pid)

    @property
    def memory(self) -> float:
        """MiB in memory."""
        return sum(map(resident_mib, _with_children(self.pid)))


@contextlib.contextmanager
def child(
    *words: str, port: int | None = None, path: str = "/livez", variables: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Run a program until the block ends, with its output in a file, as a supervisor runs it.

    Args:
        words: Its command.
        port: Its HTTP port; the block begins when `path` there answers.
        path: Path that any status may answer.
        variables: Further environment variables.

    Raises:
        Failed: It did not start.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(variables),
            start_new_session=True,
        )
        try:
            if port is not None:
                _wait_until_live(process, port, path)
            yield Child(process.pid)
        except (Failed, OSError, AssertionError) as error:
            raise Failed(f"{error}\n{' '.join(words)}\n{_end_of(output)}") from error
        finally:
            _stop(process)


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a program: it keeps its compiled modules and buffers its output."""
    own = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    return {name: value for name, value in os.environ.items() if name not in own} | dict(variables or {})


def _wait_until_live(process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
    deadline = time.monotonic() + _START
    while not _is_live(port, path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failed("This did not start:")
        time.sleep(0.02)


def _is_live(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End a program and whatever it has started: some peers leave children behind."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_of(output: IO[bytes]) -> str:
    output.seek(max(0, output.seek(0, os.SEEK_END) - _SHOWN))
    return output.read().decode(errors="replace")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of all that it has started and that still run."""
    return sum(map(_own_cpu_seconds, _with_children(pid)))


def resident_mib(pid: int) -> float:
    """Return the memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def _with_children(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for each in children.read_text().split():
            yield from _with_children(int(each))


def _own_cpu_seconds(pid: int) -> float:
    times = (each.read_text().split()[0] for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(map(int, times)) / 1e9
