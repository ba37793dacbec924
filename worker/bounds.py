"""Numbers that users give, held against their bounds."""

from datetime import timedelta
from typing import Any

from jobgate.worker.durations import in_seconds
from jobgate.worker.errors import SettingsError


def duration(name: str, value: Any, least: float) -> float:
    """Return a duration in seconds.

    Raises:
        SettingsError: it is none, or less than `least` seconds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | timedelta):
        raise SettingsError(f"{name} must be seconds or a timedelta, not {value!r}")
    if not (seconds := in_seconds(value)) >= least:  # so that NaN is refused too
        raise SettingsError(f"{name} must be at least {least:g} seconds, not {seconds:g}")
    return seconds


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number.

    Raises:
        SettingsError: it is none, or less than `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return value
