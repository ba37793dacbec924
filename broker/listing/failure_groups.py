"""Counts failures by function and error."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jobgate.broker.bodies import LONGEST_TYPE, FailureNote
from jobgate.broker.listing.failed_jobs import FailedJob
from jobgate.broker.records import FailureCode


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedFailures:
    """Which failures are meant; None = any."""

    function: str | None = None
    code: FailureCode | None = None
    type: str | None = None
    #: The only owner whose jobs are meant.
    owner: str | None = None

    def has(self, note: FailureNote) -> bool:
        """Whether a failure with this note is one of them."""
        return (
            self.function in (None, note.function)
            and self.code in (None, note.code)
            and (self.type is None or self.type[:LONGEST_TYPE] == note.type)
            and self.owner in (None, note.owner)
        )


@dataclass(slots=True)
class FailureGroup:
    """Failures of one function with the same type of error and the same code."""

    function: str
    type: str
    code: FailureCode
    #: The newest of them.
    newest: FailedJob
    #: When each of them failed, in unix ms, in no order.
    times_ms: list[int] = field(default_factory=list)
    #: How many of them were run again.
    retried: int = 0

    @property
    def oldest_ms(self) -> int:
        """When the first of them failed."""
        return min(self.times_ms)

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.times_ms)


class FailureGroups:
    """Counts failures.

    Args:
        wanted: Which ones. Aborted jobs are left out, unless their code is wanted.
    """

    def __init__(self, wanted: WantedFailures) -> None:
        self._wanted = wanted
        self._of_note: dict[FailureNote | None, FailureGroup | None] = {}
        self._groups: dict[tuple[str, str, FailureCode], FailureGroup] = {}

    def add(self, jobs: Iterable[FailedJob]) -> None:
        """Count failures; those without a note are left out."""
        for job in jobs:
            note = job.note
            try:
                group = self._of_note[note]
            except KeyError:
                group = self._of_note[note] = self._group_of(job, note)
            if group is not None:
                time = job.finish_time_ms
                group.times_ms.append(time)
                group.retried += job.is_retried
                if time > group.newest.finish_time_ms:
                    group.newest = job

    def _group_of(self, job: FailedJob, note: FailureNote | None) -> FailureGroup | None:
        if note is None:
            return None
        is_left_out = note.code is FailureCode.ABORTED and self._wanted.code is None
        if is_left_out or not self._wanted.has(note):
            return None
        key = (note.function, note.type, note.code)
        return self._groups.setdefault(key, FailureGroup(*key, newest=job))

    def groups(self) -> Sequence[FailureGroup]:
        """Return the groups, the largest first."""
        return sorted(self._groups.values(), key=lambda group: (-group.number, group.function, group.type))
