"""What grows with the size of arguments and results."""

from collections.abc import Mapping
from functools import partial

import orjson

from benchmarks.peers import BARE, GATEWAY, Front
from benchmarks.running import Stage, in_turns, load
from benchmarks.tables import Figure, Table

#: Bytes of the argument -> requests that enqueue it over 64 connections, and calls one after another.
SIZES = {
    100: (8_000, 500),
    1_000: (8_000, 500),
    10_000: (4_000, 300),
    100_000: (800, 100),
    1_000_000: (80, 20),
}
FIGURES = [
    Figure("enqueue", "requests/s at 64 connections", more_is_better=True),
    Figure("bare", "requests/s of bare aiohttp", more_is_better=True),
    Figure("redis", "µs of Redis' processor/request", more_is_better=False),
    Figure("call", "ms of a call that returns it, p50", more_is_better=False),
]


def payload(stage: Stage) -> Table:
    """Enqueue jobs with one argument of some size, and call a function that returns it."""
    table = Table("payload", "Size of arguments, in bytes", FIGURES)
    return in_turns(table, stage.once, {f"{size:,}": partial(_of_size, stage, size) for size in SIZES})


def _of_size(stage: Stage, size: int) -> Mapping[str, float]:
    body = orjson.dumps({"args": ["x" * size]})
    requests, calls = (max(20, stage.scaled(count)) for count in SIZES[size])
    with BARE.running(stage) as (_, port):
        bare = _rate(port, BARE, body, requests)
    with GATEWAY.running(stage) as (_, port):
        cpu = stage.redis_cpu
        enqueue = _rate(port, GATEWAY, body, requests)
        redis = (stage.redis_cpu - cpu) / requests * 1e6
    stage.empty()
    with GATEWAY.running(stage, with_worker=True) as (_, port):
        call = load.post("/jobs/echo", body, Prefer="wait=30")
        load.run(port, call, connections=1, requests=2, expected=b"200")
        took = load.run(port, call, connections=1, requests=calls, expected=b"200")[1]
    return {"enqueue": enqueue, "bare": bare, "redis": redis, "call": took[len(took) // 2] * 1000}


def _rate(port: int, front: Front, body: bytes, requests: int) -> float:
    connections = min(64, requests)
    return load.run(
        port, load.post(front.path, body), connections=connections, requests=requests, expected=front.status
    )[0]
