"""Rules for numbers and text: what a keyword refuses of the values that the facts describe."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Final

from jobgate.cli.schema_diff.facts import NUMBER, Facts
from jobgate.cli.schema_diff.loss import Loss

#: Formats that no validator checks.
_SAID_ONLY: Final = frozenset({"binary", "password", "byte"})


def lower_bound(facts: Facts, outer: Facts, place: str) -> Iterator[Loss]:
    """Compare lower bounds."""
    mine, other = facts.lower(), outer.lower()
    if facts.types & NUMBER and other is not None and (mine is None or mine < other):
        yield Loss(
            place, f"numbers {'of' if other[1] else 'below'} {_number(other[0])}{' or less' * other[1]}"
        )


def upper_bound(facts: Facts, outer: Facts, place: str) -> Iterator[Loss]:
    """Compare upper bounds."""
    mine, other = facts.upper(), outer.upper()
    if not facts.types & NUMBER or other is None:
        return
    if mine is None or (mine[0], not mine[1]) > (other[0], not other[1]):
        yield Loss(
            place, f"numbers {'of' if other[1] else 'above'} {_number(other[0])}{' or more' * other[1]}"
        )


def multiple_of(facts: Facts, keyword: str, said: Any, place: str) -> Iterator[Loss]:
    """Numbers must be multiples of another one."""
    mine = [Fraction(one) for one in facts.all_of(keyword)]
    mine += [Fraction(1)] if "fraction" not in facts.types else []
    if facts.types & NUMBER and not any((one / Fraction(said)).denominator == 1 for one in mine):
        yield Loss(place, f"numbers that are not multiples of {said}")


def text(facts: Facts, keyword: str, said: Any, place: str) -> Iterator[Loss]:
    """Length, pattern and format of text."""
    if "string" not in facts.types:
        return
    if keyword == "minLength" and facts.largest(keyword, 0) < said:
        yield Loss(place, f"text shorter than {said}")
    elif keyword == "maxLength" and facts.least(keyword, float("inf")) > said:
        yield Loss(place, f"text longer than {said}")
    elif keyword == "pattern" and said not in facts.all_of(keyword):
        yield Loss(place, f"the pattern {said!r} is new or has changed", certain=False)
    elif keyword == "format" and said not in _SAID_ONLY and said not in facts.all_of(keyword):
        yield Loss(place, f"text that is not a {said}")


def counts(facts: Facts, keyword: str, said: int, place: str) -> Iterator[Loss]:
    """Number of items and members."""
    kind, at_least, at_most, noun = _COUNTS[keyword]
    if kind not in facts.types:
        return
    if at_least is not None and at_least(facts) < said:
        yield Loss(place, f"{noun} with fewer than {said}")
    if at_most is not None and at_most(facts) > said:
        yield Loss(place, f"{noun} with more than {said}")


def _most_members(facts: Facts) -> float:
    named = len(facts.named) if facts.rest() is None else float("inf")
    return min(named, facts.least("maxProperties", float("inf")))


def _most_items(facts: Facts) -> float:
    ends = facts.item(facts.longest_prefix) is None
    return min(facts.longest_prefix if ends else float("inf"), facts.least("maxItems", float("inf")))


_Count = Callable[[Facts], float]
_COUNTS: Final[dict[str, tuple[str, _Count | None, _Count | None, str]]] = {
    "minItems": ("array", lambda facts: facts.largest("minItems", 0), None, "lists"),
    "maxItems": ("array", None, _most_items, "lists"),
    "minProperties": (
        "object",
        lambda facts: max(facts.largest("minProperties", 0), len(facts.required)),
        None,
        "objects",
    ),
    "maxProperties": ("object", None, _most_members, "objects"),
}


def _number(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"{float(number):g}"
