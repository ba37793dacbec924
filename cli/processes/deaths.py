"""How often a worker process has died, of what, and how long to wait before the next one is started."""

import signal
from collections import Counter
from enum import Enum
from typing import Final

#: Pauses before a worker that has died is started again, in seconds: the first and the longest.
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
#: The longest pause, in seconds, while no other worker process runs: one at least keeps trying.
LAST_ONES_PAUSE: Final = 2.0
#: Exit code of a worker that found itself wedged.
_WEDGED: Final = 70


class Cause(Enum):
    """Why a worker process has ended without having been asked to."""

    START = "it could not start"
    CRASH = "it died after it had started"
    WEDGE = "it was blocked by a function for longer than its timeout"
    FROZEN = "it was frozen or stuck and was killed"


class Deaths:
    """The deaths in a row of one worker's processes, counted for each cause."""

    def __init__(self) -> None:
        self._counts: Counter[Cause] = Counter()

    def forget(self) -> None:
        """Begin anew: a process has run well."""
        self._counts.clear()

    def add(self, cause: Cause) -> int:
        """Count a death; return how many of this cause there were."""
        if cause is not Cause.START:
            del self._counts[Cause.START]
        self._counts[cause] += 1
        return self._counts[cause]


def cause_of(code: int, *, has_started: bool, was_killed: bool) -> Cause:
    """Return why a process has ended.

    Args:
        code: its exit code.
        has_started: whether its `on_startup` came to its end.
        was_killed: whether the supervisor killed it because it was silent.
    """
    if was_killed:
        return Cause.FROZEN
    if not has_started:
        return Cause.START
    return Cause.WEDGE if code == _WEDGED else Cause.CRASH


def pause_after(deaths: int, *, is_last: bool) -> float:
    """Return for how many seconds a worker that has died so often of one cause is not started again.

    Args:
        deaths: in a row, from 1.
        is_last: whether no other worker process runs now.
    """
    longest = LAST_ONES_PAUSE if is_last else LONGEST_PAUSE
    return float(min(FIRST_PAUSE * 2 ** min(deaths - 1, 32), longest))


def told(code: int) -> str:
    """Return an exit code as the log says it; 128 + n is signal n."""
    try:
        return f"exit code {code} ({signal.Signals(code - 128).name})"
    except ValueError:
        return f"exit code {code}"
