"""Where the processor time of a gateway goes: for requests that enqueue, and for calls."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import orjson

from benchmarks.peers import GATEWAY, JOBGATE
from benchmarks.running import Child, Stage, child, free_port, load
from benchmarks.tables import Figure, Table

REQUESTS = 20_000
FIGURES = [
    Figure("enqueue", "µs of processor/request, enqueue at 64 connections"),
    Figure("call", "µs of processor/request, call at 64"),
]
KERNEL = "kernel"
#: Seconds for the file of samples to be written.
_PATIENCE = 10


def profile(stage: Stage) -> Table:
    """Sample both kinds of requests, once: the shares hardly change."""
    table = Table("profile", "Where the time of a gateway goes", FIGURES)
    table.notes = [
        "Kernel: system time, most of it for sockets; the rest is divided by samples, a thousand a second.",
        "Functions in C (the HTTP parser, orjson, hiredis, uvloop) count for the Python that called them.",
    ]
    kinds = {
        "enqueue": partial(_sampled, stage, GATEWAY.request(), GATEWAY.status, nullcontext()),
        "call": partial(_sampled, stage, GATEWAY.call, GATEWAY.call_status, JOBGATE.worker(stage)),
    }
    seen = {kind: sampled() for kind, sampled in kinds.items()}
    for layer in sorted({layer for layers in seen.values() for layer in layers}):
        table.add(layer, {kind: layers.get(layer, 0.0) for kind, layers in seen.items()})
    table.add("all", {kind: sum(layers.values()) for kind, layers in seen.items()})
    return table


def _sampled(
    stage: Stage, request: bytes, status: bytes, worker: AbstractContextManager[object]
) -> Mapping[str, float]:
    """Return the µs of each layer for a request."""
    requests = stage.scaled(REQUESTS)
    stage.empty()
    with worker, _gateway(stage) as (gateway, port, samples):
        load.run(port, request, connections=64, requests=1_000, expected=status)
        _samples(gateway, samples)
        user, system = _times(gateway.pid)
        load.run(port, request, connections=64, requests=requests, expected=status)
        counts = _samples(gateway, samples)
        user, system = (now - before for now, before in zip(_times(gateway.pid), (user, system), strict=True))
    each = user / requests * 1e6 / sum(counts.values())
    return {KERNEL: system / requests * 1e6, **{layer: count * each for layer, count in counts.items()}}


@contextmanager
def _gateway(stage: Stage) -> Iterator[tuple[Child, int, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        port, samples = free_port(), Path(folder, "samples.json")
        words = [sys.executable, "-m", "benchmarks.programs.sampled", str(samples), "gateway"]
        with child(*words, "--redis", stage.url, "--port", str(port), port=port) as gateway:
            yield gateway, port, samples


def _samples(gateway: Child, path: Path) -> dict[str, int]:
    """Return the samples since the last time, by layer."""
    path.unlink(missing_ok=True)
    os.kill(gateway.pid, signal.SIGUSR1)
    end = time.monotonic() + _PATIENCE
    while not path.exists():
        assert time.monotonic() < end, "no samples were written"
        time.sleep(0.01)
    counts: dict[str, int] = orjson.loads(path.read_bytes())
    return counts


def _times(pid: int) -> tuple[float, float]:
    """Return the user and the system time of a process in seconds."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    ticks = os.sysconf("SC_CLK_TCK")
    return int(user) / ticks, int(system) / ticks
