"""A queue as JSON."""

from collections.abc import Sequence
from typing import Any, Final

from jobgate.broker import FunctionActivity, MinuteActivity
from jobgate.gateway.jobs import moment, shown
from jobgate.gateway.reads import QueueState

_KINDS: Final = tuple(FunctionActivity.__dataclass_fields__)
_STEP: Final = 60


def queue_json(state: QueueState) -> dict[str, Any]:
    """Return the JSON of a queue."""
    depth = state.depth
    return {
        "queue": shown(depth.queue),
        "depth": {
            "queued": depth.queued,
            "deferred": depth.deferred,
            "in_progress": depth.in_progress,
        },
        "oldest_due_age": depth.oldest_due_age,
        "paused": depth.is_paused,
        "paused_since": moment(depth.paused_since_ms),
        "workers": depth.workers,
        "health_line": depth.has_health_line,
        "last_hour": _last_hour(state.minutes),
    }


def _last_hour(minutes: Sequence[MinuteActivity]) -> dict[str, Any]:
    series: list[list[int]] = []
    functions: dict[str, list[int]] = {}
    for minute in minutes:
        series.append(counts := [0] * len(_KINDS))
        for name, activity in minute.functions.items():
            _add(counts, activity)
            _add(functions.setdefault(name, [0] * len(_KINDS)), activity)
    by_kind = dict(zip(_KINDS, zip(*series, strict=True), strict=True))
    return {
        "start": moment(minutes[0].minute_ms),
        "step": _STEP,
        "series": by_kind,
        "total": {kind: sum(counts) for kind, counts in by_kind.items()},
        # Those without a name come last.
        "functions": [
            _function(*one) for one in sorted(functions.items(), key=lambda one: (not one[0], one[0]))
        ],
    }


def _add(counts: list[int], activity: FunctionActivity) -> None:
    """Add counts in the order of `_KINDS`; this is called for each function of each minute."""
    counts[0] += activity.enqueued
    counts[1] += activity.succeeded
    counts[2] += activity.failed
    counts[3] += activity.aborted
    counts[4] += activity.retried


def _function(name: str, counts: Sequence[int]) -> dict[str, Any]:
    return {"function": shown(name) or None, **dict(zip(_KINDS, counts, strict=True))}
