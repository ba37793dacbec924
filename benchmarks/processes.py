"""The child processes of the benchmarks, and how much time and memory they take (Linux)."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: Seconds for a start.
_PATIENCE = 20


class Child:
    """A process that runs, and what it has taken so far."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    @property
    def cpu(self) -> float:
        """Seconds of processor time."""
        return cpu_seconds(self._pid)

    @property
    def memory(self) -> float:
        """MiB in memory."""
        return resident_mib(self._pid)


@contextlib.contextmanager
def process(*words: str, port: int | None = None) -> Iterator[Child]:
    """Run a child until the block ends; when it has a port, wait until it serves /livez."""
    child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _PATIENCE
        while port is not None and not _is_live(port):
            if child.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"This did not start: {' '.join(words)}")
            time.sleep(0.05)
        yield Child(child.pid)
    finally:
        child.terminate()
        child.wait()


def gateway(redis_url: str, port: int, *options: str) -> contextlib.AbstractContextManager[Child]:
    """Run a gateway as the command line starts it, with its default logging."""
    words = [sys.executable, "-m", "jobgate.cli", "gateway", "--redis", redis_url, "--port", str(port)]
    return process(*words, *options, port=port)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _is_live(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=1):
            return True
    except OSError:
        return False


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of all that it has started and that still run."""
    return sum(map(_own_cpu_seconds, _with_children(pid)))


def resident_mib(pid: int) -> float:
    """Return the memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def _with_children(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _with_children(int(child))


def _own_cpu_seconds(pid: int) -> float:
    times = (each.read_text().split()[0] for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(map(int, times)) / 1e9
