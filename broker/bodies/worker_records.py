"""Records of live workers, stored as the time of the heartbeat, a space, and the rest as JSON."""

from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

import orjson


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerRecord:
    """A live worker, as it describes itself."""

    worker_id: str
    host: str
    pid: int
    queues: Sequence[str]
    max_jobs: int
    in_progress: int
    #: Jobs since its start.
    complete: int
    failed: int
    retried: int
    start_time_ms: int
    #: Key of its health line; None = arq's default.
    health_key: str | None = None
    #: Digest of its catalogue; None = it publishes none.
    catalogue: str | None = None
    #: Version of jobgate that it runs; None = an earlier one, which does not say so.
    version: str | None = None


_FIELDS = {field.name: field for field in fields(WorkerRecord)}
_REQUIRED = frozenset(name for name, field in _FIELDS.items() if field.default is MISSING)
_TEXTS = frozenset({"worker_id", "host", "health_key", "catalogue", "version"})
_LISTS = frozenset({"queues"})
#: Digits of a number that is not a time.
_MOST_DIGITS = 16


def encode_worker_record(record: WorkerRecord) -> bytes:
    """Return the stored form of a record, to which the script adds the time of the heartbeat."""
    return orjson.dumps(asdict(record))


def worker_record(stored: bytes) -> WorkerRecord | None:
    """Return a stored record; None if another program wrote it."""
    _, _, blob = stored.partition(b" ")
    try:
        # A worker of a later release may write more fields.
        found = {name: value for name, value in orjson.loads(blob).items() if name in _FIELDS}
        if not found.keys() >= _REQUIRED or not all(_fits(name, value) for name, value in found.items()):
            return None
        return WorkerRecord(**found)
    except (AttributeError, TypeError, ValueError):
        return None


def heartbeat_ms(stored: bytes) -> int | None:
    """Return the time of a stored record's heartbeat, in unix ms; None if another program wrote it."""
    written, _, _ = stored.partition(b" ")
    return int(written) if written.isdigit() and len(written) < _MOST_DIGITS else None


def _fits(name: str, value: Any) -> bool:
    if name in _LISTS:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if name in _TEXTS:
        return isinstance(value, str) or (value is None and name not in _REQUIRED)
    return isinstance(value, int)
