"""Parts of lists that are read page by page. Pure data, as in `records`."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobgate.broker.records import JobBody, JobResult


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedJob:
    """One member of a queue: a job that waits or runs."""

    job_id: str
    queue: str
    #: When it is due; while it runs: the end of its lease.
    score_ms: int
    #: None: there is none, or it cannot be read.
    body: JobBody | None
    #: True: it has no body at all, because it expired or was lost.
    is_lost: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuePage:
    """A part of a queue, in no order."""

    jobs: Sequence[QueuedJob]
    #: Where the next page begins; empty = this is the last one.
    cursor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IdPage:
    """A part of a list of job ids, in no order, each once."""

    ids: Sequence[str]
    #: Where the next page begins; empty = this is the last one.
    cursor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultPage:
    """A part of all stored results, in no order."""

    results: Sequence[JobResult]
    #: Ids of results that cannot be read.
    unreadable: Sequence[str]
    #: Where the next page begins; empty = this is the last one.
    cursor: str
