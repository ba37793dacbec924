"""What all parts of the broker share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from jobgate.broker.codecs import Codec
from jobgate.broker.errors import DecodeError
from jobgate.broker.keys import Keys
from jobgate.broker.link import Link
from jobgate.broker.records import JobBody, JobResult
from jobgate.broker.wire import decode_job, decode_result

Item = TypeVar("Item")

#: How long a body outlives its due time, in ms: arq's `expires_extra_ms`.
BODY_TTL_MS = 86_400_000
#: How long the mark of an end without a result is kept, in ms: longer than any call is repeated.
ENDED_TTL_MS = 15_000


def to_ms(seconds: float) -> int:
    """Seconds as whole milliseconds, at least 1 for anything above 0."""
    return max(round(seconds * 1000), 1) if seconds > 0 else 0


def keep_ms(keep: float | None) -> int:
    """How the scripts are told to keep a result: -1 = for ever, 0 = not at all, else ms."""
    return -1 if keep is None else to_ms(keep)


def by_queue(items: Iterable[Item], queue_of: Callable[[Item], str]) -> dict[str, list[Item]]:
    """Sort items by queue; each script call serves one."""
    queues: dict[str, list[Item]] = {}
    for item in items:
        queues.setdefault(queue_of(item), []).append(item)
    return queues


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns stored bytes into records, with the trust that this process has in them."""

    codec: Codec
    trust_pickle: bool = False

    def job(self, blob: bytes) -> JobBody:
        """Decode a stored job. Raises DecodeError."""
        return decode_job(blob, codec=self.codec, trust_pickle=self.trust_pickle)

    def result(self, blob: bytes, job_id: str) -> JobResult:
        """Decode a stored result. Raises DecodeError."""
        return decode_result(blob, job_id, codec=self.codec, trust_pickle=self.trust_pickle)

    def job_or_none(self, blob: bytes | None) -> JobBody | None:
        """Decode a stored job; None where there is none or it cannot be read."""
        try:
            return None if blob is None else self.job(blob)
        except DecodeError:
            return None

    def result_or_none(self, blob: bytes | None, job_id: str) -> JobResult | None:
        """Decode a stored result; None where there is none or it cannot be read."""
        try:
            return None if blob is None else self.result(blob, job_id)
        except DecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Core:
    """The link to Redis, the key names of one namespace, and how bodies are written and read."""

    link: Link
    keys: Keys
    codec: Codec
    reader: Reader
