"""What has happened to a job, and the places from which a reader resumes."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, Self

_CURSOR: Final = re.compile(r"([0-9]{1,16}):(.{0,512})", re.DOTALL)


class HappeningKind(StrEnum):
    """What has happened."""

    ENQUEUED = "enqueued"
    STARTED = "started"
    #: It goes back to its queue for another try.
    RETRIED = "retried"
    FINISHED = "finished"
    #: Something was left out.
    GAP = "gap"


class FeedCursor(NamedTuple):
    """A place among all jobs that have ended: after the job with this time and id, in the order of both."""

    #: The time of its end, by the clock of Redis.
    time_ms: int
    job_id: str = ""

    def __str__(self) -> str:
        return f"{self.time_ms}:{self.job_id}"

    @classmethod
    def of(cls, text: str) -> Self | None:
        """Return the cursor that a text stands for; None if it is not a cursor."""
        found = _CURSOR.fullmatch(text)
        return cls(int(found[1]), found[2]) if found else None


@dataclass(kw_only=True, slots=True)
class Happening:
    """One thing that has happened; it is shared by all who look on."""

    kind: HappeningKind
    #: Where a reader resumes after it.
    cursor: FeedCursor
    job_id: str = ""
    queue: str = ""
    #: None = unknown, as of a job that is gone already.
    function: str | None = None
    owner: str | None = None
    time_ms: int | None = None
    #: Of a finished job: whether it succeeded; None = unknown.
    success: bool | None = None
    #: Of a gap: how much was left out, of all jobs; None = unknown.
    missed: int | None = None
    #: Whatever a reader has made of it, for the others.
    text: bytes = field(default=b"", compare=False)
