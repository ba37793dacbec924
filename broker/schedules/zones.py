"""The names of time zones: how a worker publishes the wall clock of its cron jobs."""

import os
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_OFFSET: Final = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])")
_NAME: Final = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,2}")
#: In the texts of zones that were read from a file, as those of dateutil, and in the link to the system's.
_IN_PATH: Final = re.compile(rf"zoneinfo/({_NAME.pattern})")
#: Where a system keeps its zone.
_SYSTEM: Final = "/etc/localtime"
#: Moments at which two zones are compared: twice a month for two years.
_SAMPLES: Final = 48


@lru_cache(maxsize=256)
def zone_called(name: str) -> tzinfo | None:
    """Return the zone of a name, or of an offset such as `+05:30`; None = this machine does not know it."""
    if offset := _OFFSET.fullmatch(name):
        sign = -1 if offset[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    if _NAME.fullmatch(name) is None:
        return None
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a folder of zones is an OSError
        return None


def zone_name(zone: tzinfo | None) -> str | None:
    """Return a name under which others find the same zone; None = it has none.

    Args:
        zone: Any kind of zone; None = the system's.
    """
    offsets = _offsets(zone)
    for name in _names(zone):
        named = zone_called(name)
        if named is not None and _offsets(named) == offsets:
            return name
    return _fixed(offsets[0]) if len(set(offsets)) == 1 else None


def _names(zone: tzinfo | None) -> list[str]:
    """Return the names that a zone may have, the best first."""
    if zone is None:
        found = [os.environ.get("TZ", "").removeprefix(":"), os.path.realpath(_SYSTEM)]
    else:
        found = [str(getattr(zone, member, "")) for member in ("key", "zone")] + [repr(zone)]
    return [path[1] if (path := _IN_PATH.search(each)) else each for each in found if each]


def _offsets(zone: tzinfo | None) -> list[timedelta]:
    """Return its offsets from UTC at some moments of these years."""
    start = datetime(datetime.now(UTC).year, 1, 1, tzinfo=UTC)
    moments = (start + number * timedelta(days=730 / _SAMPLES) for number in range(_SAMPLES))
    return [each.astimezone(zone).utcoffset() or timedelta() for each in moments]


def _fixed(offset: timedelta) -> str | None:
    """Return an offset in words of `zone_called`; None = it is not of whole minutes."""
    minutes, rest = divmod(abs(offset), timedelta(minutes=1))
    if rest or not offset:
        return None if rest else "UTC"
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
