"""Times on the command line, and how long ago something was."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

import click

from jobgate.cli.duration import parsed_duration

_EXAMPLES: Final = (
    "1h (an hour ago), +1h (in an hour), yesterday, today or tomorrow (when it begins), 2026-08-01 or "
    "2026-08-01T14:00"
)
#: Words for days, as distances from today.
_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
#: Seconds of each unit, from the largest one.
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


class _Moment(click.ParamType):  # type: ignore[type-arg]
    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        moment = parsed_moment(value.strip(), datetime.now().astimezone())
        if moment is None:
            self.fail(f"{value!r} is not a time: write {_EXAMPLES}.")
        return moment


def parsed_moment(text: str, now: datetime) -> datetime | None:
    """Return the time that a text means, in UTC; None = it means none. Without a zone it is local time."""
    if (duration := parsed_duration(text.lstrip("+-"))) is not None and re.match(r"[+-]?[0-9]", text):
        return _within_range(now, duration if text.startswith("+") else -duration)
    days = _DAYS.get(text.lower())
    try:
        if days is None:
            return datetime.fromisoformat(text).astimezone(UTC)
        day = now.date() + timedelta(days=days)
        return datetime.combine(date(day.year, day.month, day.day), datetime.min.time()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _within_range(now: datetime, distance: timedelta) -> datetime | None:
    try:
        return (now + distance).astimezone(UTC)
    except OverflowError:
        return None


#: Type of options that are times; their values are datetimes in UTC.
MOMENT: Final = _Moment()


def span(seconds: float) -> str:
    """Return a duration in its two largest units: `3m 20s`."""
    left = round(max(seconds, 0))
    if left == 0:
        return "0s"
    parts: list[str] = []
    for unit, size in _UNITS:
        number, left = divmod(left, size)
        if number or parts:
            parts.append(f"{number}{unit}" if number else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts))


def since(time: datetime | None) -> str | None:
    """Return for how long something has lasted; None = its beginning is not known."""
    return None if time is None else span((datetime.now(UTC) - time).total_seconds())


def when(time: datetime | None) -> str | None:
    """Return a time as its distance from now: `3m ago`, `in 5m`; None = it is not known."""
    if time is None:
        return None
    distance = (datetime.now(UTC) - time).total_seconds()
    if abs(distance) < 1:
        return "now"
    return f"{span(distance)} ago" if distance > 0 else f"in {span(-distance)}"
