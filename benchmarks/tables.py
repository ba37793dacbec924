"""What a benchmark has found: figures of several programs that did the same work in turns."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Self

#: The program that others are compared with.
OURS = "jobgate"


@dataclass(frozen=True)
class Figure:
    """One figure of each program."""

    name: str
    unit: str
    #: Whether more is better. None: it explains another figure.
    more_is_better: bool | None = None


@dataclass
class Table:
    """One benchmark: its first figure is what it is about."""

    name: str
    title: str
    figures: list[Figure]
    #: Program -> name of a figure -> one value for each round.
    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    #: What is not the same for all, and what else one must know to read it.
    notes: list[str] = field(default_factory=list)
    #: Program -> why it has no figures.
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, program: str, values: Mapping[str, float]) -> None:
        """Add what a program did in one round."""
        row = self.rows.setdefault(program, {})
        for name, value in values.items():
            row.setdefault(name, []).append(value)

    def latest(self, program: str) -> str:
        """Return the latest figures of a program as text."""
        row = self.rows[program]
        return ", ".join(
            f"{figure.name} {shown(row[figure.name][-1])} {figure.unit}".rstrip()
            for figure in self.figures
            if figure.name in row
        )

    def median(self, program: str, figure: str) -> float | None:
        """Return the median of all rounds; None if the program has no such figure."""
        values = self.rows.get(program, {}).get(figure)
        return median(values) if values else None

    def ratio(self, program: str, other: str, figure: str) -> float | None:
        """Return program / other: the median of the rounds' ratios, each taken side by side."""
        ours, theirs = (self.rows.get(one, {}).get(figure, []) for one in (program, other))
        ratios = [a / b for a, b in zip(ours, theirs, strict=False) if b]
        return median(ratios) if ratios else None

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read what `document` returned."""
        figures = [Figure(**figure) for figure in document["figures"]]
        return cls(**{**document, "figures": figures})


def shown(value: float) -> str:
    """Return a figure with three digits that count, for people."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
