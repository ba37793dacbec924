"""arq's options of an enqueue, checked and converted for the broker."""

import time
from datetime import datetime, timedelta
from typing import Any

from jobgate.arq.errors import BothDeferrals
from jobgate.broker import Seconds
from jobgate.client import InvalidOption


def due(until: datetime | None, by: Seconds | None) -> dict[str, Any]:
    """Return when a job is due, as arguments of the broker's JobRequest.

    Raises:
        BothDeferrals: Both are given.
        InvalidOption: One of them has a wrong value.
    """
    if until and by:
        raise BothDeferrals
    if until is not None:
        if not isinstance(until, datetime):
            raise InvalidOption("_defer_until must be a datetime")
        return {"defer_until_ms": int(until.timestamp() * 1000)}
    seconds = _in_seconds("_defer_by", by)
    if seconds < 0:
        # Due before the jobs that are waiting already, as in arq.
        return {"defer_until_ms": time.time_ns() // 1_000_000 + int(seconds * 1000)}
    return {"defer_by": seconds}


def expiry(expires: Seconds | None, extra_ms: int) -> dict[str, Any]:
    """Return when a job expires, as arguments of the broker's JobRequest.

    Args:
        expires: Time from now within which it must be started.
        extra_ms: Milliseconds after its due time, used if `expires` is None or 0.

    Raises:
        InvalidOption: `expires` is not a duration.
    """
    seconds = _in_seconds("_expires", expires)
    if seconds:
        return {"expires": seconds, "expires_from_now": True}
    return {"expires": extra_ms / 1000}


def _in_seconds(name: str, value: Seconds | None) -> float:
    if value is None:
        return 0.0
    number: object = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, int | float) and abs(number) < float("inf"):
        return float(number)
    raise InvalidOption(f"{name} must be a number of seconds, or a timedelta")
