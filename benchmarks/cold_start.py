"""Measure how long whole processes take from their start to their end, and print the medians.

python -m benchmarks.cold_start [--runs 15]

The compiled modules lie in a folder of its own, as after an installation: the first run writes them there and
does not count. It ends with 1 when a mark is missed.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.processes import free_port

JOBGATE = str(Path(sys.executable).with_name("jobgate"))
CALL = "import sys; from jobgate.client import BlockingClient; BlockingClient(sys.argv[1]).call('noop')"


def programs(url: str) -> dict[str, tuple[Sequence[str], float | None]]:
    """Return what is measured: a name -> the command, and the most milliseconds that it may take."""
    return {
        "python, nothing": ([sys.executable, "-c", ""], None),
        "import asyncio": ([sys.executable, "-c", "import asyncio"], None),
        "import aiohttp": ([sys.executable, "-c", "import aiohttp"], None),
        "import jobgate.client": ([sys.executable, "-c", "import jobgate.client"], None),
        "jobgate --help": ([JOBGATE, "--help"], 150),
        "jobgate call": ([JOBGATE, "call", "noop", "--url", url], 400),
        "a program that calls": ([sys.executable, "-c", CALL, url], 400),
    }


def milliseconds(
    command: Sequence[str], environment: Mapping[str, str], runs: int
) -> list[tuple[float, float]]:
    """Run a command, once more than it counts; return how long each run and its processors took."""
    took = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        _, child.returncode, used = os.wait4(child.pid, 0)
        if child.returncode:
            raise SystemExit(f"This failed: {' '.join(command)}")
        took.append(((time.perf_counter() - started) * 1000, (used.ru_utime + used.ru_stime) * 1000))
    return took[1:]


@contextlib.contextmanager
def dev(folder: Path) -> Iterator[str]:
    """Run `jobgate dev` with functions that do nothing, and yield the URL of its gateway."""
    port = free_port()
    words = [JOBGATE, "dev", "benchmarks.functions.WorkerSettings", f"--port={port}", f"--data={folder}"]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while not _is_ready(url):
            if child.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"This did not start: {' '.join(words)}")
            time.sleep(0.1)
        yield url
    finally:
        child.terminate()
        child.wait()


def _is_ready(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=1):
        return True
    return False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="runs of each program that count (default 15)")
    runs = parser.parse_args().runs
    missed = False
    with tempfile.TemporaryDirectory() as folder, dev(Path(folder, "data")) as url:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        for name, (command, most) in programs(url).items():
            took, used = zip(*milliseconds(command, environment, runs), strict=True)
            verdict = ""
            if most is not None:
                reached = median(took) <= most
                missed = missed or not reached
                verdict = f"   mark: <= {most:.0f} ms: {'reached' if reached else 'MISSED'}"
            spread = f"({min(took):.0f} to {max(took):.0f}; of a processor {median(used):.0f})"
            print(f"{name:24s}{median(took):6.0f} ms   {spread}{verdict}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
