"""Durations on the command line, such as 500ms, 90s, 30m, 24h or 7d."""

import re
from datetime import timedelta
from typing import Final

import click

_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
#: Longest duration in days: ten years.
_LONGEST: Final = 3660


class _Duration(click.ParamType):  # type: ignore[type-arg]
    name = "duration"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        duration = parsed_duration(value)
        if duration is None:
            self.fail(f"{value!r} is not a duration such as 90s, 30m, 24h or 7d, up to {_LONGEST}d.")
        return duration


def parsed_duration(text: str) -> timedelta | None:
    """Return the duration that a text means, in which a number alone is seconds; None = it means none."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|[smhd])?", text)
    duration = timedelta(**{_UNITS[found[2] or "s"]: float(found[1])}) if found else None
    return None if duration is None or duration.days > _LONGEST else duration


#: Type of options that are durations; their values are timedeltas.
DURATION: Final = _Duration()
