"""How often a process has died, from which cause, and how long to wait before a restart."""

import signal
from collections import Counter
from enum import Enum
from typing import Final

from jobgate.broker import Backoff

#: Pauses before a process that has died is restarted.
_BACKOFF: Final = Backoff(first=0.5, longest=30.0, jitter=False)
#: The same while no other process runs: at least one keeps trying.
_BACKOFF_OF_LAST: Final = Backoff(first=0.5, longest=2.0, jitter=False)


class Cause(Enum):
    """Why a process has ended without having been asked to."""

    START = "it could not start"
    CRASH = "it died after it had started"
    WEDGE = "it was blocked by a function for longer than its timeout"
    FROZEN = "it was frozen or stuck and was killed"


class Deaths:
    """The deaths in a row of the processes of one slot, counted for each cause."""

    def __init__(self) -> None:
        self._counts: Counter[Cause] = Counter()

    def forget(self) -> None:
        """Start from zero: a process was stable."""
        self._counts.clear()

    def add(self, cause: Cause) -> int:
        """Count a death; return how many there were of this cause."""
        if cause is not Cause.START:
            del self._counts[Cause.START]
        self._counts[cause] += 1
        return self._counts[cause]


def cause_of(code: int, *, has_started: bool, was_killed: bool, exit_wedged: int | None = None) -> Cause:
    """Return why a process has ended.

    Args:
        code: Its exit code.
        has_started: Whether it had started; a worker has once its `on_startup` was completed.
        was_killed: Whether the supervisor killed it because it was silent.
        exit_wedged: The exit code of a process whose event loop was blocked; None = there is none.
    """
    if was_killed:
        return Cause.FROZEN
    if not has_started:
        return Cause.START
    return Cause.WEDGE if code == exit_wedged else Cause.CRASH


def pause_after(deaths: int, *, is_last: bool) -> float:
    """Return the seconds until a process is restarted.

    Args:
        deaths: Its deaths of one cause in a row, from 1.
        is_last: Whether no other process runs now.
    """
    return (_BACKOFF_OF_LAST if is_last else _BACKOFF).pause(deaths)


def shown(code: int) -> str:
    """Return an exit code as the log shows it; 128 + n is signal n."""
    name = signal_name(code - 128)
    return f"exit code {code} ({name})" if name else f"exit code {code}"


def signal_name(number: int) -> str:
    """Return the name of a signal; empty where it has none, as real-time signals."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""
