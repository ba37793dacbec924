"""A queue as JSON."""

from typing import Any

from jobgate.broker import QueueDepth
from jobgate.gateway.handlers import moment, shown


def queue_json(depth: QueueDepth) -> dict[str, Any]:
    """Return the JSON of a queue."""
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
    }
