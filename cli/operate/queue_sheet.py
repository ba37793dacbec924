"""The table of queues."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from jobgate.cli.operate.moments import since, span
from jobgate.cli.terminal import Column, Sheet

if TYPE_CHECKING:
    from jobgate.client import QueueInfo

#: Minutes whose mean is the rate; the minute that still runs is not one of them.
_MINUTES: Final = 5
_BARS: Final = "▁▂▃▄▅▆▇█"
#: Minutes that one bar stands for.
_A_BAR: Final = 4


def queue_sheet(queues: Sequence["QueueInfo"]) -> Sheet:
    """Return a table of queues; programs get everything known about each but the single minutes."""
    return Sheet(queues, _COLUMNS, nothing="No queues are in use.", to_json=_without_minutes)


def _rate(queue: "QueueInfo") -> float | None:
    """Return how many jobs end in a minute; None = not known."""
    minutes = queue.last_hour.minutes[-_MINUTES - 1 : -1]
    ended = sum(one.succeeded + one.failed + one.aborted for one in minutes)
    return ended / len(minutes) if minutes else None


def _hour(queue: "QueueInfo") -> str:
    """Return the jobs that ended in the last hour as bars."""
    ended = [one.succeeded + one.failed + one.aborted for one in queue.last_hour.minutes]
    sums = [sum(ended[at : at + _A_BAR]) for at in range(0, len(ended), _A_BAR)]
    most = max(sums, default=0)
    return "".join(_BARS[-(-7 * one // most)] for one in sums) if most else ""


def _state(queue: "QueueInfo") -> str:
    if queue.paused:
        lasts = since(queue.paused_since)
        return f"paused for {lasts}" if lasts else "paused"
    # Gateways run the operations on many jobs.
    is_served = queue.workers or queue.health_line or queue.queue.endswith(":operations")
    return "no worker" if queue.queued and not is_served else ""


_COLUMNS: Final = (
    Column("queue", fold=True),
    Column("queued", right=True),
    Column("deferred", right=True, optional=True),
    Column("running", lambda queue: queue.in_progress, right=True),
    Column(
        "oldest", lambda queue: span(queue.oldest_due_age) if queue.queued else "", right=True, optional=True
    ),
    Column("workers", right=True),
    Column("state", _state),
    Column("ended/min", _rate, right=True, optional=True),
    Column("failed/h", lambda queue: queue.last_hour.total.failed, right=True, optional=True),
    Column("last hour", _hour, optional=True),
)


def _without_minutes(queue: "QueueInfo") -> dict[str, Any]:
    """Return what programs get of a queue."""
    members = asdict(queue)
    del members["last_hour"]["minutes"]
    return members
