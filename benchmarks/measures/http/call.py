"""Calls over HTTP: a request is answered with the result of its job."""

from collections.abc import Sequence
from functools import partial

from benchmarks.peers import FRONTS, Front
from benchmarks.running import Stage, in_turns, load
from benchmarks.tables import Figure, Table

#: Calls of one turn at 1 connection, and at 64.
CALLS = {
    "jobgate": (2_000, 10_000),
    "bare aiohttp": (4_000, 20_000),
    "FastAPI + arq": (4, 192),
    "Flower + Celery": (300, 640),
}
FIGURES = [
    Figure("p50", "ms at 1 connection", more_is_better=False),
    Figure("p99", "ms at 1", more_is_better=False),
    Figure("p99.9", "ms at 1", more_is_better=False),
    Figure("rate", "calls/s at 64", more_is_better=True),
    Figure("p50-64", "ms at 64, p50", more_is_better=False),
    Figure("p99-64", "ms at 64, p99", more_is_better=False),
    Figure("p99.9-64", "ms at 64, p99.9", more_is_better=False),
]


def call_http(stage: Stage) -> Table:
    """Compare the fronts."""
    table = Table("call-http", "Call over HTTP, result included", FIGURES)
    table.notes = [
        "Bare aiohttp answers by itself: it is the ceiling.",
        "FastAPI waits with arq's `job.result()`, which looks each half second, as the arq worker does.",
        "The p99.9 of FastAPI + arq and Flower + Celery are of few calls.",
    ]
    return in_turns(table, stage, {front.name: partial(called, stage, front) for front in FRONTS})


def called(stage: Stage, front: Front) -> dict[str, float]:
    """Start a front and its worker, and call over 1 connection, then over 64."""
    few, many = (stage.scaled(count) for count in CALLS[front.name])
    many = max(64, many)

    def calls(connections: int, count: int) -> tuple[float, list[float]]:
        return load.run(port, front.call, connections=connections, requests=count, expected=front.call_status)

    with front.running(stage, with_worker=True) as (_, port):
        calls(1, 1)  # returns when the worker is there
        calls(64, 64)
        alone = calls(1, few)[1]
        rate, together = calls(64, many)
    return {**percentiles(alone), "rate": rate, **percentiles(together, "-64")}


def percentiles(took: Sequence[float], suffix: str = "") -> dict[str, float]:
    """Return p50, p99 and p99.9 in ms of sorted seconds."""
    return {
        f"{name}{suffix}": took[min(len(took) - 1, int(len(took) * share))] * 1000
        for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    }
