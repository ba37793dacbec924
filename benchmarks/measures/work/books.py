"""What limits of keys, indexes of ended jobs and counters cost an enqueue and a drain.

Both sides run in turns. One has all three: the key that enqueues has a rate and a number of pending jobs,
which it does not reach. The other has none: no limits, and scripts that keep no indexes and counters.

What is compared is the processor's time, of the gateway or worker and of Redis together: in elapsed time,
a few percent would be lost in what else the machine does. Two gateways that do the same differ by a few
percent, too, from one start to the next. So the ratio is one of several starts, and within each of many short
turns.
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers import BODY, GATEWAY
from benchmarks.running import ROOT, Stage, child, free_port, in_turns, load
from benchmarks.tables import Figure, Table
from jobgate.gateway import new_key

#: Requests of one turn, and times that both sides have theirs in a round.
REQUESTS, TURNS, JOBS = 500, 20, 20_000
LIMITS = {"rate": 1e6, "burst": 1_000_000, "pending": 1_000_000}
FIGURES = [Figure("rate", "jobs a second of the processor", more_is_better=True)]
#: Takes one turn.
_Side = Callable[[], Mapping[str, float]]


def books_enqueue(stage: Stage) -> Table:
    """Measure single requests over HTTP."""
    table = Table(
        "books-enqueue", "Enqueue over HTTP with limits, indexes and counters, and without", FIGURES
    )

    def measure() -> Mapping[str, float]:
        with _gateway(stage, LIMITS) as full, _gateway(stage, {}) as bare:
            for side in (full, bare):
                side()  # the first requests take longer
            for _ in range(stage.scaled(TURNS) - 1):
                table.add("jobgate", full())
                table.add("none", bare())
            table.add("none", bare())
            return full()

    return in_turns(table, stage, {"jobgate": measure})


@contextmanager
def _gateway(stage: Stage, limits: Mapping[str, float]) -> Iterator[_Side]:
    """Run a gateway, with all books if the key has limits."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        key, entry = new_key("caller", ("enqueue:*",), limits=limits)
        Path(folder, "keys.toml").write_text(entry)
        program = ["jobgate.cli"] if limits else ["benchmarks.programs.without_books"]
        words = [sys.executable, "-m", *program, "gateway", "--redis", stage.url]
        request = load.post(GATEWAY.path, BODY, Authorization=f"Bearer {key}")
        with child(*words, "--port", str(port), "--keys", f"{folder}/keys.toml", port=port) as gateway:

            def turn() -> Mapping[str, float]:
                before = gateway.cpu + stage.redis_cpu
                load.run(port, request, connections=64, requests=REQUESTS, expected=b"202")
                return {"rate": REQUESTS / (gateway.cpu + stage.redis_cpu - before)}

            yield turn


def books_drain(stage: Stage) -> Table:
    """Measure one worker, and a client that enqueues what it runs."""
    name = "No-op jobs enqueued and drained with limits, indexes and counters, and without"
    table = Table("books-drain", name, FIGURES)
    return in_turns(table, stage, {"jobgate": _drain(stage, "limited"), "none": _drain(stage, "bare")})


def _drain(stage: Stage, kind: str) -> Callable[[], Mapping[str, float]]:
    def measure() -> Mapping[str, float]:
        jobs, before = stage.scaled(JOBS), _of_children() + stage.redis_cpu
        words = [sys.executable, "-m", "benchmarks.programs.drain", kind, str(stage.port), str(jobs)]
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
        return {"rate": jobs / (_of_children() + stage.redis_cpu - before)}

    return measure


def _of_children() -> float:
    """Return the processor's time that all children that have ended have taken."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
