"""Durations as users write them: seconds or `timedelta`."""

from datetime import timedelta

Seconds = float | timedelta


def in_seconds(value: Seconds) -> float:
    """Return a duration as float seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
