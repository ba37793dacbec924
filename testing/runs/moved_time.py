"""The time that scripts and workers of this process see: that of Redis, and what a test has added."""

import time
from datetime import UTC, datetime, timedelta

from jobgate.broker import CLOCK_SHIFT
from jobgate.testing.errors import TestingError


def now() -> datetime:
    """Return the time as jobs see it, in UTC."""
    return datetime.fromtimestamp(time.time() + CLOCK_SHIFT.ms / 1000, UTC)


def way_to(moment: datetime | None, by: timedelta) -> int:
    """Return by how many milliseconds to move the time.

    Args:
        moment: Where to; naive = local time. None = `by` says how far.
        by: How far.

    Raises:
        TestingError: It is not forward, or both are given.
    """
    if moment is not None:
        if by:
            raise TestingError("Give move_time a moment or a duration, not both.")
        by = moment.astimezone(UTC) - now()
    if by <= timedelta(0):
        raise TestingError(f"Time moves forward only: {by} is not later than now, {now().isoformat(' ')}.")
    return round(by / timedelta(milliseconds=1))


def move(milliseconds: int) -> None:
    """Move the time of all scripts of this process."""
    CLOCK_SHIFT.ms += milliseconds


def reset() -> None:
    """Return to the time of Redis."""
    CLOCK_SHIFT.ms = 0
