"""The stored form of progress: `<token of the lease> <unix ms> <JSON>`."""

from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """The last progress that a running job reported."""

    #: From 0 to 1.
    fraction: float
    message: str | None = None
    #: When it was reported.
    time_ms: int


def encode_progress(fraction: float, message: str | None, place: Any = None) -> bytes:
    """Return what a worker reports; progress.lua writes token and time before it.

    Args:
        fraction: From 0 to 1.
        message: What the job does, in a few words.
        place: Where the next try can resume, as JSON can hold it; None = nowhere.
    """
    return orjson.dumps({"f": fraction, "m": message} | ({} if place is None else {"p": place}))


def place_of(stored: bytes | None) -> Any:
    """Return the `place` in stored progress, whichever lease reported it; None if there is none."""
    try:
        return orjson.loads((stored or b"").split(b" ", 2)[2]).get("p")
    except (IndexError, AttributeError, ValueError):
        return None


def progress_of(stored: bytes | None, token: bytes | None) -> Progress | None:
    """Read stored progress; None if there is none, or if another program wrote the key.

    Args:
        stored: Value of the key `progress`.
        token: Lease under which the job runs now. A report under another token comes from an earlier try,
            whose worker died or gave the job back, and is ignored.
    """
    if stored is None or token is None:
        return None
    try:
        reporter, time_ms, blob = stored.split(b" ", 2)
        fields = orjson.loads(blob)
        progress = Progress(fraction=float(fields["f"]), message=fields["m"], time_ms=int(time_ms))
    except (KeyError, TypeError, ValueError):
        return None
    return progress if reporter == token else None
