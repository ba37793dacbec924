"""`/functions/{function}/times`: how long jobs of a function run and wait, and how they end."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from jobgate.broker import TIME_BOUNDS, WINDOW, FunctionActivity, FunctionTimes, quantile
from jobgate.gateway.context import Call
from jobgate.gateway.fleet.overview import require_overview
from jobgate.gateway.functions import function_name, not_offered
from jobgate.gateway.http import Answer
from jobgate.gateway.jobs import moment

#: Windows of the last hour, the current one included.
_LAST_HOUR: Final = 6
_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


async def times(call: Call) -> Answer:
    """Answer 200 with the times of a function; 404 if nobody offers it, and nothing was counted in a day."""
    require_overview(call.caller)
    name = function_name(call.name)
    start_ms, windows = await call.gateway.broker.function_times(name)
    outcomes = await _outcomes(call, name)
    if not any(outcomes.values()) and not any(any((*one.run, *one.wait)) for one in windows):
        await _require_offered(call, name)
    document = {
        "function": name,
        "bounds": TIME_BOUNDS,
        "last_hour": _span(start_ms, windows, len(windows) - _LAST_HOUR),
        "day_before": _span(start_ms, windows[:-_LAST_HOUR], 0),
        "outcomes": outcomes,
        "series": {
            "start": moment(start_ms),
            "step": WINDOW,
            "count": [sum(one.run) for one in windows],
            "run_p50": [quantile(one.run, 0.5) for one in windows],
            "run_p95": [quantile(one.run, 0.95) for one in windows],
        },
    }
    return Answer.shared(call.gateway.unsent.hold(orjson.dumps(document)))


async def _require_offered(call: Call, name: str) -> None:
    """Raise `Problem` 404 if no live worker offers a function."""
    caller = call.caller
    offered = {one.name for one in await call.gateway.descriptions.visible(lambda _: True)}
    if name not in offered:
        sees_all = caller.only_owner is None
        raise not_offered(name, offered, lambda near: sees_all or caller.may_enqueue(near))


def _span(start_ms: int, windows: Sequence[FunctionTimes], first: int) -> dict[str, Any]:
    """Return the histograms of some windows together, from the one at this index to the last one."""
    together = FunctionTimes()
    for one in windows[first:]:
        together += one
    return {
        "start": moment(start_ms + first * WINDOW * 1000),
        "run": _histogram(together.run),
        "wait": _histogram(together.wait),
    }


def _histogram(buckets: Sequence[int]) -> dict[str, Any]:
    quantiles = {name: quantile(buckets, part) for name, part in _QUANTILES.items()}
    return {"count": sum(buckets), **quantiles, "buckets": buckets}


async def _outcomes(call: Call, function: str) -> dict[str, int]:
    """Return what happened to its jobs in the last hour, in all queues."""
    total = FunctionActivity()
    for state in await call.gateway.fleet.states(await call.gateway.fleet.queues()):
        for minute in state.minutes:
            if (found := minute.functions.get(function)) is not None:
                for kind in FunctionActivity.__dataclass_fields__:
                    setattr(total, kind, getattr(total, kind) + getattr(found, kind))
    return {kind: getattr(total, kind) for kind in FunctionActivity.__dataclass_fields__}
