"""Numbers and durations as users write them, checked against their bounds."""

from datetime import timedelta
from typing import Any

from jobgate.broker import in_seconds
from jobgate.worker.errors import SettingsError


def duration(name: str, value: Any, least: float) -> float:
    """Return a duration in seconds.

    Args:
        name: What the message calls it.
        value: Seconds or `timedelta`.
        least: Smallest value allowed, in seconds.

    Raises:
        SettingsError: The value is not a duration, or less than `least` seconds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | timedelta):
        raise SettingsError(f"{name} must be seconds or a timedelta, not {value!r}")
    if not (seconds := in_seconds(value)) >= least:  # so that NaN is refused too
        raise SettingsError(f"{name} must be at least {least:g} seconds, not {seconds:g}")
    return seconds


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number.

    Args:
        name: What the message calls it.
        value: An `int`.
        least: Smallest value allowed.

    Raises:
        SettingsError: The value is not a whole number, or less than `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return value
