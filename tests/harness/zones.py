"""Time zones, which come from the machine's own database."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from harness.tools import missing


def zone_named(name: str) -> ZoneInfo:
    """Return a zone; skip the test, or fail it in CI, where the machine does not know it."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        missing(f"this machine does not know the time zone {name}: install tzdata")
        raise
