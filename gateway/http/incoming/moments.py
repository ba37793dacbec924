"""Times in requests: date-times of RFC 3339."""

import math
import re
from datetime import datetime
from typing import Final

_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_WRONG: Final = "It must be a date-time of RFC 3339 with an offset, within the years 2000 to 2199."


def why_not_moment(text: str) -> str | None:
    """Return why this is not a time that a request may name; None = it is."""
    if _DATE_TIME.fullmatch(text) is None:
        return _WRONG
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return _WRONG
    return None if 2000 <= moment.year < 2200 else _WRONG


def moment_ms(text: str) -> int:
    """Return a time that `why_not_moment` accepts in unix milliseconds, rounded up."""
    return math.ceil(datetime.fromisoformat(text.upper()).timestamp() * 1000)
