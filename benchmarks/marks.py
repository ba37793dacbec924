"""What must be reached, and what is aimed at: each from the tables of one run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.tables import OURS, Table, shown

Tables = Mapping[str, Table]


@dataclass(frozen=True)
class Mark:
    """One figure, and what it has to reach."""

    name: str
    #: Returns the figure; None if a table or a program is missing.
    measured: Callable[[Tables], float | None]
    #: What it must reach, and what it should.
    bound: float
    aim: float | None = None
    unit: str = "×"
    #: Whether the figure must be that much at most, not at least.
    at_most: bool = False

    def verdict(self, tables: Tables) -> "Verdict":
        """Return how it stands."""
        value = self.measured(tables)
        return Verdict(self, value, self._reaches(value, self.bound), self._reaches(value, self.aim))

    def _reaches(self, value: float | None, wanted: float | None) -> bool | None:
        if value is None or wanted is None:
            return None
        return value <= wanted if self.at_most else value >= wanted

    def goal(self, wanted: float | None) -> str:
        """Return a bound or an aim as text."""
        if wanted is None:
            return ""
        unit = self.unit if self.unit == "×" else f" {self.unit}"
        return f"{'≤' if self.at_most else '≥'} {wanted:g}{unit}"


@dataclass(frozen=True)
class Verdict:
    """A mark in one run."""

    mark: Mark
    value: float | None
    #: Whether the bound is reached; None if it was not measured.
    is_held: bool | None
    is_aim_reached: bool | None

    @property
    def word(self) -> str:
        """What people read."""
        if self.is_held is None:
            return "not measured"
        return ("aim reached" if self.is_aim_reached else "held") if self.is_held else "MISSED"

    @property
    def measured(self) -> str:
        """The value as text."""
        if self.value is None:
            return "–"
        return shown(self.value) + (self.mark.unit if self.mark.unit == "×" else f" {self.mark.unit}")


def _ratio(table: str, figure: str, other: str, program: str = OURS) -> Callable[[Tables], float | None]:
    return lambda tables: tables[table].ratio(program, other, figure) if table in tables else None


def _value(table: str, figure: str, program: str = OURS) -> Callable[[Tables], float | None]:
    return lambda tables: tables[table].median(program, figure) if table in tables else None


def _against_best_peer(tables: Tables) -> float | None:
    """Return the ratio to the peer that drains most."""
    if "drain" not in tables:
        return None
    table = tables["drain"]
    ratios = [table.ratio(OURS, peer, "rate") for peer in table.rows if peer != OURS]
    return min((ratio for ratio in ratios if ratio is not None), default=None)


def _beyond_bare(tables: Tables) -> float | None:
    """Return what a call takes beyond twice the p50 of bare aiohttp, in ms."""
    ours, bare = (_value("call-http", "p50", one)(tables) for one in (OURS, "bare aiohttp"))
    return None if ours is None or bare is None else ours - 2 * bare


#: Those of the issue that set them.
MARKS = [
    Mark("drain, one worker, against arq", _ratio("drain", "rate", "arq"), 10, 20),
    Mark("drain, one worker, against the best peer", _against_best_peer, 6, 10),
    Mark("enqueue over HTTP, 64 connections, against bare aiohttp", _ratio("enqueue-http", "rate", "bare aiohttp"), 0.65, 0.85),
    Mark("… against FastAPI + arq", _ratio("enqueue-http", "rate", "FastAPI + arq"), 4, 8),
    Mark("call over HTTP, 1 connection, p50 beyond 2 × bare aiohttp's", _beyond_bare, 0.6, 0.3, "ms", at_most=True),
    Mark("call over HTTP, 64 connections, against bare aiohttp", _ratio("call-http", "rate", "bare aiohttp"), 0.4, 0.6),
    Mark("call through Redis, p50, against SAQ", _ratio("call-redis", "p50", "saq"), 0.7, 0.5, at_most=True),
    Mark("NDJSON against single requests", _ratio("enqueue-batch", "rate", "single"), 2, 4),
    Mark("claim, cost per job at 1 M jobs against 1 k", _ratio("backlog", "claim", "1,000 jobs", "1,000,000 jobs"), 1.2, 1, at_most=True),
    Mark("100 idle workers, Redis commands in all", _value("idle", "commands", "100 workers"), 100, 50, "/s", at_most=True),
    Mark("1,000 long polls, result to answer, p99", _value("long-polls", "p99"), 50, 15, "ms", at_most=True),
    Mark("Redis' memory for a queued job against arq's", _ratio("memory", "stored", "arq"), 1, 0.8, at_most=True),
    Mark("gateway with 1,000 long polls, RSS", _value("long-polls", "memory"), 110, None, "MiB", at_most=True),
    Mark("worker at rest, RSS", _value("start-worker", "memory"), 65, None, "MiB", at_most=True),
]  # fmt: skip
#: Those that hold for what was built before.
MORE_MARKS = [
    Mark("jobs with five typed arguments against untyped ones", _ratio("drain-typed", "rate", "untyped"), 0.8),
    Mark("500 typed functions published", _value("start-typed", "start"), 2, None, "s", at_most=True),
    Mark("a page of finished jobs", _value("list", "page"), 50, None, "ms", at_most=True),
    Mark("limits, indexes and counters: enqueue against none", _ratio("books-enqueue", "rate", "none"), 0.9),
    Mark("limits, indexes and counters: drain against none", _ratio("books-drain", "rate", "none"), 0.9),
    Mark("p99 of enqueues beside a crowd against alone", _ratio("crowd", "p99", "alone"), 2, at_most=True),
    Mark("what BlockingClient takes beyond Client", _value("call-blocking", "more"), 100, None, "µs", at_most=True),
    Mark("memory of an event stream", _value("streams", "each"), 100, None, "KiB", at_most=True),
    Mark("`jobgate --help`", _value("cold-start", "took", "jobgate --help"), 150, None, "ms", at_most=True),
    Mark("`jobgate call`", _value("cold-start", "took", "jobgate call"), 400, None, "ms", at_most=True),
    Mark("a program that calls", _value("cold-start", "took", "a program that calls"), 400, None, "ms", at_most=True),
]  # fmt: skip


def verdicts(tables: Tables) -> list[Verdict]:
    """Return how all marks stand that have something to do with some tables."""
    return [mark.verdict(tables) for mark in MARKS + MORE_MARKS]
