"""What a benchmark has found, and whether that is enough."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Mark:
    """One figure, what it is measured against, and what it has to reach."""

    name: str
    unit: str
    ours: list[float]
    theirs_name: str
    theirs: list[float]
    #: Least ratio ours / theirs, and the largest one, or None.
    at_least: float | None = None
    no_more_than: float | None = None
    #: Most of our own median, or None.
    at_most: float | None = None

    @property
    def ratio(self) -> float:
        """Median of the ratios of the rounds, each taken side by side."""
        return median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def reached(self) -> bool:
        """Whether the mark is reached."""
        return (
            (self.at_least is None or self.ratio >= self.at_least)
            and (self.no_more_than is None or self.ratio <= self.no_more_than)
            and (self.at_most is None or median(self.ours) <= self.at_most)
        )

    @property
    def _goal(self) -> str:
        if self.at_least is not None:
            return f"ratio >= {self.at_least}"
        if self.no_more_than is not None:
            return f"ratio <= {self.no_more_than}"
        return "" if self.at_most is None else f"<= {self.at_most:,.1f} {self.unit}"

    def __str__(self) -> str:
        verdict = "reached" if self.reached else "MISSED"
        return (
            f"{self.name}\n"
            f"  jobgate {median(self.ours):12,.2f} {self.unit}   ({_spread(self.ours)})\n"
            f"  {self.theirs_name:7s} {median(self.theirs):12,.2f} {self.unit}   ({_spread(self.theirs)})\n"
            f"  ratio   {self.ratio:12,.3f} x" + (f"   mark: {self._goal}: {verdict}" if self._goal else "")
        )


def _spread(values: list[float]) -> str:
    return f"{min(values):,.2f} to {max(values):,.2f}"


def paired(
    name: str, rounds: int, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Measure both in turns, with progress on standard error."""
    pairs = []
    for number in range(1, rounds + 1):
        pairs.append((ours(), theirs()))
        note(f"{name}, round {number} of {rounds}: {pairs[-1][0]:,.2f} to {pairs[-1][1]:,.2f}")
    return [a for a, _ in pairs], [b for _, b in pairs]


def note(text: str) -> None:
    """Show progress."""
    print(text, file=sys.stderr, flush=True)
