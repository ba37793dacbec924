"""How far an operation is: it is stored with its progress, so that another gateway can resume there."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from jobgate.gateway.operations.bulk_order import BulkKind

#: Most errors that are listed in the result.
_MOST_ERRORS: Final = 20


@dataclass(kw_only=True, slots=True)
class Tally:
    """Where an operation is, and what it has done so far."""

    #: Jobs that began to match the filter after this time, unix ms, are left alone.
    until_ms: int
    #: How many entries there are to look at.
    total: int
    #: Where to resume in the list of jobs; empty = at its beginning.
    cursor: str = ""
    looked_at: int = 0
    #: Jobs that the order selects.
    matched: int = 0
    #: Those that were retried, or aborted.
    done: int = 0
    #: Reason -> how many were left as they are.
    skipped: dict[str, int] = field(default_factory=dict)
    errors: list[dict[str, str]] = field(default_factory=list)
    #: Whether nothing is left to do.
    is_over: bool = False

    @classmethod
    def read(cls, stored: Any) -> Self | None:
        """Return a tally that was stored; None = there is none, or something else wrote it."""
        try:
            return cls(**stored)
        except TypeError:
            return None

    @property
    def stored(self) -> dict[str, Any]:
        """The tally as JSON can hold it."""
        return asdict(self)

    @property
    def fraction(self) -> float:
        """How much of it is done, from 0 to 1."""
        return 1.0 if self.is_over else min(self.looked_at / max(self.total, 1), 1.0)

    def note(self, job_id: str, outcome: str, error: str = "") -> None:
        """Count one job: `outcome` is why it was left as it is; empty = it was not."""
        self.matched += 1
        if not outcome:
            self.done += 1
            return
        self.skipped[outcome] = self.skipped.get(outcome, 0) + 1
        if error and len(self.errors) < _MOST_ERRORS:
            self.errors.append({"job_id": job_id, "detail": error})

    def message(self, kind: BulkKind) -> str:
        """Say in a few words how far it is."""
        return f"{self.looked_at:,} of {self.total:,} looked at, {self.done:,} {kind.done}"

    def result(self, kind: BulkKind, limit: int) -> dict[str, Any]:
        """Return the result of the operation."""
        return {
            "matched": self.matched,
            kind.done: self.done,
            "skipped": self.skipped,
            "errors": self.errors,
            "limit_reached": self.done >= limit,
        }
