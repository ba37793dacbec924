"""How long short programs take from their start to their end.

The compiled modules lie in a folder of its own, as after an installation: the first run writes them there and
does not count.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from benchmarks.peers import GATEWAY, executable
from benchmarks.running import Failed, Stage, in_turns
from benchmarks.tables import Figure, Table

CALL = "import sys; from jobgate.client import BlockingClient; BlockingClient(sys.argv[1]).call('noop')"
#: Times that a program runs in each round.
RUNS = 5


def programs(url: str) -> dict[str, Sequence[str]]:
    """Return what is measured: a name -> the command."""
    jobgate = executable("jobgate", "jobgate")
    return {
        "python, nothing": [sys.executable, "-c", ""],
        "import asyncio": [sys.executable, "-c", "import asyncio"],
        "import aiohttp": [sys.executable, "-c", "import aiohttp"],
        "import jobgate.client": [sys.executable, "-c", "import jobgate.client"],
        "jobgate --help": [jobgate, "--help"],
        "jobgate call": [jobgate, "call", "noop", "--url", url],
        "a program that calls": [sys.executable, "-c", CALL, url],
    }


def cold_start(stage: Stage) -> Table:
    """Measure each program some times in each round."""
    figures = [
        Figure("took", "ms", more_is_better=False),
        Figure("cpu", "ms of processor", more_is_better=False),
    ]
    table = Table("cold-start", "Short programs, from start to end", figures)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        _, port = stack.enter_context(GATEWAY.running(stage, with_worker=True))
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        commands = programs(f"http://127.0.0.1:{port}")
        for command in commands.values():
            _run(command, environment)
        return in_turns(table, stage, {name: _runs(words, environment) for name, words in commands.items()})


def _runs(command: Sequence[str], environment: Mapping[str, str]) -> Callable[[], Mapping[str, float]]:
    def measure() -> Mapping[str, float]:
        runs = sorted(_run(command, environment) for _ in range(RUNS))
        took, cpu = runs[RUNS // 2]
        return {"took": took, "cpu": cpu}

    return measure


def _run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Run a command; return how long it and its processors took, in milliseconds."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, child.returncode, used = os.wait4(child.pid, 0)
    if child.returncode:
        raise Failed(f"This failed: {' '.join(command)}")
    return (time.perf_counter() - begun) * 1000, (used.ru_utime + used.ru_stime) * 1000
