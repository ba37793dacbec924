"""A timetable in words: "at 09:30 and 17:30 on Mondays"."""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Final

from jobgate.broker.schedules.timetable import Timetable

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: Most times of a day that are listed one by one.
_MOST_TIMES: Final = 6


def in_words(timetable: Timetable) -> str:
    """Return when it is due, in English."""
    times, days = _times(timetable), _days(timetable)
    if not days and times.startswith("at "):
        return f"every day {times}"
    return f"{times} {days}".strip()


def _times(of: Timetable) -> str:
    if _are_few(of):
        clock = "{:02d}:{:02d}" if of.seconds == (0,) else "{:02d}:{:02d}:{:02d}"
        times = product(of.hours, of.minutes, of.seconds)
        return f"at {_listed([clock.format(*time) for time in times])}"
    return " ".join(filter(None, (_often(of), _hours(of.hours))))


def _are_few(of: Timetable) -> bool:
    """Whether its times of a day are better listed one by one."""
    count = len(of.hours) * len(of.minutes) * len(of.seconds)
    return count <= _MOST_TIMES or (count == len(of.hours) and _gap(of.hours) is None)


def _gap(hours: Sequence[int]) -> int | None:
    """Return the hours between one and the next, if it is always as many; None = it is not."""
    gaps = {later - hour for hour, later in pairwise(hours)}
    return gaps.pop() if len(gaps) == 1 else None


def _often(of: Timetable) -> str:
    """Return how often it is due within the hours."""
    if of.seconds != (0,):
        seconds = _step(of.seconds, "second")
        if len(of.minutes) == 60:
            return seconds or f"every minute at second {_listed(of.seconds)}"
        seconds = seconds or f"every hour at second {_listed(of.seconds)}"
        return f"{seconds} of minute {_listed(of.minutes)}"
    if len(of.minutes) == 1:
        gap = _gap(of.hours) or 1
        often = "every hour" if gap == 1 else f"every {gap} hours"
        return often if of.minutes == (0,) else f"{often} at minute {of.minutes[0]}"
    return _step(of.minutes, "minute") or f"every hour at minute {_listed(of.minutes)}"


def _step(values: Sequence[int], unit: str) -> str:
    """Return `every 10 minutes` for values that divide an hour or a minute evenly, from 0; else nothing."""
    step = 60 // len(values)
    if tuple(values) != tuple(range(0, 60, step)) or 60 % step or len(values) == 1:
        return ""
    return f"every {unit}" if step == 1 else f"every {step} {unit}s"


def _hours(hours: Sequence[int]) -> str:
    if len(hours) == 24:
        return ""
    if hours[-1] - hours[0] == len(hours) - 1 or (_gap(hours) or 1) > 1:
        return f"from {hours[0]:02d}:00 to {hours[-1]:02d}:59"
    return f"of the hours {_listed([f'{hour:02d}' for hour in hours])}"


def _days(of: Timetable) -> str:
    parts = []
    if len(of.weekdays) < 7:
        parts.append(_on_weekdays(sorted(of.weekdays)))
    if len(of.days) < 31:
        parts.append(f"{'that are' if parts else 'on'} day {_listed(sorted(of.days))} of the month")
    if len(of.months) < 12:
        parts.append(f"in {_listed([_MONTHS[month - 1] for month in sorted(of.months)])}")
    return " ".join(parts)


def _on_weekdays(days: Sequence[int]) -> str:
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"from {_WEEKDAYS[days[0]]} to {_WEEKDAYS[days[-1]]}"
    return f"on {_listed([f'{_WEEKDAYS[day]}s' for day in days])}"


def _listed(values: Sequence[object]) -> str:
    """Return `1, 2 and 3`."""
    *first, last = map(str, values)
    return f"{', '.join(first)} and {last}" if first else last
