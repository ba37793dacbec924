"""Runs of cron jobs that have ended, as a queue keeps the last ones: their results are usually not kept."""

from dataclasses import asdict, dataclass
from types import UnionType
from typing import Any, Final, Literal, get_args

import orjson

#: Most runs of a function that a queue keeps.
MOST_RUNS: Final = 20
#: Longest stored form in bytes that is read, and characters of an error that are kept.
_LONGEST: Final = 4096
_LONGEST_ERROR: Final = 300

Ending = Literal["succeeded", "failed", "aborted"]
#: Types of the members of a run.
_KINDS: Final[dict[str, type | UnionType]] = {
    "job_id": str,
    "due_ms": int | None,
    "start_ms": int | None,
    "finish_ms": int,
    "ending": str,
    "code": str | None,
    "error": str | None,
    "keep": int | float | None,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CronRun:
    """A run that has ended. Times are unix ms by the Redis clock."""

    job_id: str
    #: For when it was scheduled; None = it was enqueued by hand or at a start.
    due_ms: int | None
    #: None = its function did not begin.
    start_ms: int | None
    finish_ms: int
    ending: Ending
    #: Code of the failure, and its type and message, shortened; None = it did not fail.
    code: str | None = None
    error: str | None = None
    #: Seconds for which its result is kept; None = for ever.
    keep: float | None = 0


def encode_cron_run(run: CronRun) -> bytes:
    """Return the stored form of a run."""
    found = asdict(run)
    texts = {name: _plain(value)[:_LONGEST_ERROR] for name, value in found.items() if isinstance(value, str)}
    return orjson.dumps({**found, **texts})


def cron_run(stored: bytes) -> CronRun | None:
    """Return a stored run; None if another program wrote it."""
    try:
        found = orjson.loads(stored[:_LONGEST])
        fields = {name: found[name] for name in _KINDS}
    except (ValueError, TypeError, KeyError):
        return None
    are_sound = all(_fits(fields[name], kind) for name, kind in _KINDS.items())
    return CronRun(**fields) if are_sound and fields["ending"] in get_args(Ending) else None


def _fits(value: Any, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _plain(text: str) -> str:
    """Return a text that JSON can hold: ids may have bytes that are not UTF-8, as lone surrogates."""
    return text.encode("utf-8", "replace").decode()
