"""How long jobs ran and waited, by function: histograms over ten minutes each, which are kept for a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add, sub
from typing import Final

from jobgate.broker.part import Part
from jobgate.broker.scripts import script

#: Upper bounds of the buckets in seconds, included; one more bucket has what took longer.
TIME_BOUNDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
    10, 15, 30, 60, 120, 300, 600, 900, 1800,
)  # fmt: skip
#: Seconds of a window, and how many of them are read: a day.
WINDOW: Final = 600
WINDOWS: Final = 144
#: Names of the buckets in Redis.
_LETTERS: Final = "abcdefghijklmnopqrstuv"
_RUN, _WAIT = "r", "w"
#: Digits of a number that workers may have counted.
_MOST_DIGITS: Final = 12

#: Jobs in each bucket.
Buckets = Sequence[int]
_EMPTY: Final[Buckets] = (0,) * len(_LETTERS)


@dataclass(frozen=True, slots=True)
class FunctionTimes:
    """How many jobs of a function took how long, in some time."""

    #: How long their functions ran, one for each try.
    run: Buckets = _EMPTY
    #: How long they waited for a worker after they were due.
    wait: Buckets = _EMPTY

    def __add__(self, other: "FunctionTimes") -> "FunctionTimes":
        return FunctionTimes(_sum(self.run, other.run), _sum(self.wait, other.wait))

    def __sub__(self, other: "FunctionTimes") -> "FunctionTimes":
        return FunctionTimes(_difference(self.run, other.run), _difference(self.wait, other.wait))


def quantile(buckets: Buckets, part: float) -> float | None:
    """Return the seconds that a part of the jobs took at most, estimated within a bucket; None = no jobs.

    Of the last bucket only the lower bound is known.
    """
    total = sum(buckets)
    if not total:
        return None
    rank = part * total
    for place, (below, count) in enumerate(zip((0, *accumulate(buckets)), buckets, strict=False)):
        if count and below + count >= rank:
            return _within(place, (rank - below) / count)
    return TIME_BOUNDS[-1]


def _within(place: int, part: float) -> float:
    if place >= len(TIME_BOUNDS):
        return TIME_BOUNDS[-1]
    low = TIME_BOUNDS[place - 1] if place else 0.0
    return round(low + (TIME_BOUNDS[place] - low) * part, 6)


class FunctionTimesPart(Part):
    """Adds to the histograms (add_times.lua), and reads them (times_of.lua)."""

    async def add_times(self, counted: Mapping[str, FunctionTimes]) -> None:
        """Add what a worker has counted to the histograms of the current ten minutes.

        Args:
            counted: By function.
        """
        fields = [
            (f"{kind}{letter} {name}", count)
            for name, times in counted.items()
            for kind, buckets in ((_RUN, times.run), (_WAIT, times.wait))
            for letter, count in zip(_LETTERS, buckets, strict=True)
            if count
        ]
        # It is not repeated when the answer is lost: it would be counted twice.
        await self._core.link.run(
            script("add_times"),
            [],
            [self.keys.times(""), WINDOW, WINDOWS + 1, *(part for field in fields for part in field)],
            repeat=False,
            is_hint=True,
        )

    async def function_times(self, function: str) -> tuple[int, Sequence[FunctionTimes]]:
        """Return when the first window of the last day began, in unix ms, and what is known of each.

        The last window is the current one. Workers of stock arq and of earlier releases add nothing.

        Args:
            function: Its name.
        """
        last, *found = await self._core.link.read(
            script("times_of"),
            [],
            [
                self.keys.times(""), WINDOW, WINDOWS,
                *(f"{kind}{letter} {function}" for kind in (_RUN, _WAIT) for letter in _LETTERS),
            ],
        )  # fmt: skip
        half = len(_LETTERS)
        windows = [
            FunctionTimes(_numbers(one[:half]), _numbers(one[half:])) if one else FunctionTimes()
            for one in found
        ]
        return (last - len(windows) + 1) * WINDOW * 1000, windows


def _numbers(found: Sequence[bytes | None]) -> Buckets:
    return tuple(int(one) if one and one.isdigit() and len(one) <= _MOST_DIGITS else 0 for one in found)


def _sum(one: Buckets, other: Buckets) -> Buckets:
    return tuple(map(add, one, other))


def _difference(one: Buckets, other: Buckets) -> Buckets:
    return tuple(map(sub, one, other))
