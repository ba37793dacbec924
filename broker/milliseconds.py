"""Times and durations as the scripts take and return them, whole milliseconds, and times for people."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

#: How long a job body outlives its due time; arq's `expires_extra_ms`.
BODY_TTL_MS: Final = 86_400_000
#: How long the mark of a job that ended without a kept result stays: longer than any call is retried.
ENDED_TTL_MS: Final = 15_000
#: How long an outcome that is not kept can be fetched: longer than the time between two polls of a wait.
OUTCOME_TTL_MS: Final = 10_000
#: How long a lease lasts, and how long a result is kept, unless a setting says otherwise, in seconds.
DEFAULT_LEASE: Final = 10.0
DEFAULT_KEEP: Final = 3600.0
#: The latest time that `ms_of` returns.
LATEST_MS: Final = 2.0**62
#: The longest duration that a script is given, in seconds (31,000 years): Redis accepts at most 64 bits.
LONGEST: Final = 1e12
#: The time that stands for one that Python does not have.
EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(slots=True)
class ClockShift:
    """How far this process is ahead of Redis: always nothing, but in tests that move the time."""

    #: Scripts add it to `TIME`.
    ms: int = 0
    #: The moved time at the zero of the monotonic clock. Tests may also use packages that move the wall clock
    #: of Python: that must not count twice.
    origin_ms: int = 0

    def move(self, milliseconds: int, now_ms: int) -> None:
        """Move the time by so much, to `now_ms`."""
        self.ms += milliseconds
        self.origin_ms = now_ms - time.monotonic_ns() // 1_000_000


CLOCK_SHIFT: Final = ClockShift()


def unix_ms() -> int:
    """Return the time by the clock of this machine."""
    if CLOCK_SHIFT.ms:
        return CLOCK_SHIFT.origin_ms + time.monotonic_ns() // 1_000_000
    return time.time_ns() // 1_000_000


def time_of(unix_ms: int | None) -> datetime | None:
    """Return a time in UTC; None for None and for years beyond 9999, which Python does not have."""
    try:
        return None if unix_ms is None else datetime.fromtimestamp(unix_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def to_ms(seconds: float) -> int:
    """Return seconds as milliseconds: at least 1 for anything above 0, at most what Redis accepts."""
    return max(round(min(seconds, LONGEST) * 1000), 1) if seconds > 0 else 0


def ms_of(score: bytes) -> int:
    """Return a score as milliseconds within 64 bits; other programs may store any number, even infinity."""
    return int(min(max(float(score), -LATEST_MS), LATEST_MS))


def keep_ms(keep: float | None) -> int:
    """Return for how long the scripts are to keep a result: -1 = for ever, 0 = not at all, else ms."""
    return -1 if keep is None else to_ms(keep)
