"""The tries of a job that were followed by another one. Only jobs that are retried have any.

An entry is `<unix ms of its end> <JSON>`: `n` number of the try, `s` its start in unix ms, `w` worker,
`e` type and message of the error. `claim.lua` writes `{"n": …, "lost": true}` for a try whose worker died.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from jobgate.broker.pickles import clean
from jobgate.broker.records import Failure

#: Tries of a job that are kept; older ones are dropped.
MOST_TRIES_KEPT: Final = 20
_LONGEST_TYPE: Final = 200
_LONGEST_MESSAGE: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierTry:
    """A try of a job that was followed by another one."""

    number: int
    #: None = unknown.
    start_time_ms: int | None = None
    end_time_ms: int | None = None
    worker: str | None = None
    #: What made it run again; None = the function asked for it, or its worker died.
    failure: Failure | None = None
    #: Whether its worker died, or lost its lease.
    is_lost: bool = False


def encode_try(number: int, start_time_ms: int | None, worker: str, error: tuple[str, str] | None) -> bytes:
    """Return the entry of a try that has ended, without the time of its end.

    Args:
        number: Number of the try.
        start_time_ms: When it began.
        worker: Id of its worker.
        error: Type and message of what made it run again.
    """
    entry: dict[str, Any] = {"n": number, "s": start_time_ms, "w": worker}
    if error is not None:
        entry["e"] = [clean(error[0])[:_LONGEST_TYPE], clean(error[1])[:_LONGEST_MESSAGE]]
    return orjson.dumps(entry)


def earlier_tries(entries: Sequence[bytes]) -> tuple[EarlierTry, ...]:
    """Return the tries in these entries, without those that something else wrote."""
    return tuple(one for one in map(_try, entries) if one is not None)


def _try(entry: bytes) -> EarlierTry | None:
    time, _, document = entry.partition(b" ")
    try:
        fields, end_ms = orjson.loads(document), int(time)
        error = fields.get("e")
        return EarlierTry(
            number=int(fields["n"]),
            start_time_ms=None if fields.get("s") is None else int(fields["s"]),
            end_time_ms=end_ms,
            worker=None if fields.get("w") is None else str(fields["w"]),
            failure=None if error is None else Failure(type=str(error[0]), message=str(error[1])),
            is_lost=bool(fields.get("lost")),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError):
        return None
