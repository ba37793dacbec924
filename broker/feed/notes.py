"""What notices have said since the last read, in bounded memory."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from jobgate.broker.feed.happening import HappeningKind
from jobgate.broker.waiting import JobNotice, NoticeKind

#: Most jobs that are noted, and most notices of one of them.
_MOST_JOBS, _MOST_OF_ONE = 2000, 20
_KINDS: Final = {kind: HappeningKind(kind.value) for kind in NoticeKind}


class Noted(NamedTuple):
    """The notices of a span of time."""

    #: Queue and id of each job, and what has happened to it, in order.
    jobs: Mapping[tuple[str, str], Sequence[HappeningKind]]
    #: How many notices were left out.
    missed: int
    #: Whether notices may have been lost.
    is_gap: bool


class Notes:
    """Collects notices."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], list[HappeningKind]] = {}
        self._missed = 0
        self._is_gap = False

    def add(self, notice: JobNotice) -> None:
        """Note what a notice says."""
        kind = _KINDS[notice.kind]
        self._is_gap |= kind is HappeningKind.GAP
        for job_id in notice.job_ids:
            job = (notice.queue, job_id)
            kinds = self._jobs.get(job)
            if kinds is None and len(self._jobs) < _MOST_JOBS:
                kinds = self._jobs[job] = []
            if kinds is None or len(kinds) >= _MOST_OF_ONE:
                self._missed += 1
            else:
                kinds.append(kind)

    def take(self) -> Noted:
        """Return everything that was noted, and begin anew."""
        noted = Noted(self._jobs, self._missed, self._is_gap)
        self._jobs, self._missed, self._is_gap = {}, 0, False
        return noted
