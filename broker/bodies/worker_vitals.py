"""What a worker does at the time of a heartbeat, stored as JSON.

It is not part of the worker's record: every gateway reads all records each second, to know what workers
offer, and this is many times as large.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

#: Most running jobs that a worker names, and the bytes that these names may take.
MOST_RUNNING = 50
_LONGEST_NAMES = 16_384
#: Largest stored form in bytes that is read: names in JSON may take six times their length.
LARGEST_VITALS = 131_072


@dataclass(frozen=True, slots=True)
class RunningTry:
    """A job that a worker runs."""

    job_id: str
    #: None = its body has not been read yet, or cannot be.
    function: str | None
    #: Since when, in unix ms; None = unknown.
    since_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerVitals:
    """The condition of a worker, and what it runs."""

    #: The longest that its event loop was blocked since its last heartbeat, in seconds; None = unknown.
    lag: float | None = None
    #: Bytes of memory that its process uses; None = unknown.
    memory: int | None = None
    #: How many jobs it runs; None = unknown.
    in_progress: int | None = None
    #: These jobs, the longest running first: at most `MOST_RUNNING`.
    running: Sequence[RunningTry] = ()


def encode_worker_vitals(vitals: WorkerVitals) -> bytes:
    """Return the stored form, with as many running jobs as there is room for."""
    running, left = [], _LONGEST_NAMES
    for each in vitals.running[:MOST_RUNNING]:
        names = [_plain(each.job_id), None if each.function is None else _plain(each.function)]
        size = sum(len(name) for name in names if name)
        if size <= left:
            left -= size
            running.append([*names, each.since_ms])
    return orjson.dumps(
        {
            "lag": vitals.lag,
            "memory": vitals.memory,
            "in_progress": vitals.in_progress,
            "running": running,
        }
    )


def _plain(text: str) -> str:
    """Return a text that JSON can hold: ids may have bytes that are not UTF-8, as lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def worker_vitals(stored: bytes) -> WorkerVitals:
    """Return stored vitals; what another program wrote in their place counts as unknown."""
    try:
        found = orjson.loads(stored)
    except ValueError:
        return WorkerVitals()
    if not isinstance(found, dict):
        return WorkerVitals()
    lag, memory, count = found.get("lag"), found.get("memory"), found.get("in_progress")
    running = found.get("running")
    return WorkerVitals(
        lag=lag if _is_number(lag) else None,
        memory=memory if _is_whole(memory) else None,
        in_progress=count if _is_whole(count) else None,
        running=_tries(running) if isinstance(running, list) else [],
    )


def _tries(running: list[Any]) -> list[RunningTry]:
    return [RunningTry(*one) for one in running[:MOST_RUNNING] if _is_try(one)]


def _is_try(one: Any) -> bool:
    return (
        isinstance(one, list)
        and len(one) == 3
        and isinstance(one[0], str)
        and (one[1] is None or isinstance(one[1], str))
        and (one[2] is None or _is_whole(one[2]))
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and value >= 0)
