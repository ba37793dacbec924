"""A queue as JSON."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jobgate.broker import FunctionActivity, MinuteActivity
from jobgate.gateway.fleet_reads import QueueState
from jobgate.gateway.handlers import moment, shown

_KINDS: Final = ("enqueued", "succeeded", "failed", "aborted", "retried")
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
    functions: defaultdict[str, Counter[str]] = defaultdict(Counter)
    series: dict[str, list[int]] = {kind: [] for kind in _KINDS}
    for minute in minutes:
        for name, activity in minute.functions.items():
            functions[name].update(_counts(activity))
        for kind, values in series.items():
            values.append(sum(getattr(each, kind) for each in minute.functions.values()))
    return {
        "start": moment(minutes[0].minute_ms),
        "step": _STEP,
        "series": series,
        "total": {kind: sum(values) for kind, values in series.items()},
        # Those without a name come last.
        "functions": [
            _function(name, functions[name]) for name in sorted(functions, key=lambda one: (not one, one))
        ],
    }


def _counts(activity: FunctionActivity) -> Mapping[str, int]:
    return {kind: getattr(activity, kind) for kind in _KINDS}


def _function(name: str, counts: Counter[str]) -> dict[str, Any]:
    return {"function": shown(name) or None, **{kind: counts[kind] for kind in _KINDS}}
