"""Regular expressions for numbers that JSON holds as text, and for bounds of such numbers.

They match numerals in plain notation, `-12.50`, and none with an exponent unless they say so.
"""

from collections.abc import Iterator
from decimal import Decimal

_FRACTION = r"(?:\.[0-9]*)?"
_ANY = f"[0-9]*{_FRACTION}"


def at_least(bound: Decimal, *, inclusive: bool) -> str:
    """Return the pattern of numbers that are at least, or more than, a bound."""
    if bound > 0:
        return _pattern(rf"\+?{_greater(bound, inclusive)}")
    if bound == 0 and not inclusive:
        return _pattern(rf"\+?{_greater(bound, False)}")
    return _pattern(rf"\+?{_ANY}", f"-{_less(-bound, inclusive)}")


def at_most(bound: Decimal, *, inclusive: bool) -> str:
    """Return the pattern of numbers that are at most, or less than, a bound."""
    if bound < 0:
        return _pattern(f"-{_greater(-bound, inclusive)}")
    if bound == 0 and not inclusive:
        return _pattern(f"-{_greater(bound, False)}")
    return _pattern(f"-{_ANY}", rf"\+?{_less(bound, inclusive)}")


def digits(*, most: int | None, places: int | None) -> str:
    """Return the pattern of numbers with at most so many digits, so many of them after the point."""
    if most is None:
        return rf"^[+-]?[0-9]*(?:\.[0-9]{{0,{places}}}0*)?$"
    if places is not None:
        return rf"^[+-]?0*[0-9]{{0,{max(most - places, 0)}}}(?:\.[0-9]{{0,{places}}}0*)?$"
    splits = (rf"[0-9]{{0,{whole}}}(?:\.[0-9]{{0,{most - whole}}}0*)?" for whole in range(most + 1))
    return rf"^[+-]?0*(?:{'|'.join(splits)})$"


def _pattern(*choices: str) -> str:
    return f"^(?:{'|'.join(choices)})$"


def _greater(bound: Decimal, inclusive: bool) -> str:
    """Return the pattern of numbers without a sign that are greater than a bound of 0 or more."""
    whole, fraction = _parts(bound)
    choices = [rf"[1-9][0-9]{{{len(whole)},}}{_FRACTION}"]
    choices += [
        rf"{before}[{digit + 1}-9][0-9]{{{rest}}}{_FRACTION}"
        for before, digit, rest in _positions(whole)
        if digit < 9
    ]
    choices += [
        rf"{whole}\.{before}[{digit + 1}-9][0-9]*" for before, digit, _ in _positions(fraction) if digit < 9
    ]
    choices.append(rf"{whole}\.{fraction}[0-9]*[1-9][0-9]*")
    if inclusive:
        choices.append(_equal(whole, fraction))
    return f"0*(?:{'|'.join(choices)})"


def _less(bound: Decimal, inclusive: bool) -> str:
    """Return the pattern of numbers without a sign that are less than a bound of 0 or more."""
    whole, fraction = _parts(bound)
    choices = [rf"[0-9]{{0,{len(whole) - 1}}}{_FRACTION}"] if whole else []
    choices += [
        rf"{before}[0-{digit - 1}][0-9]{{{rest}}}{_FRACTION}"
        for before, digit, rest in _positions(whole)
        if digit
    ]
    choices += [
        rf"{whole}\.{before}[0-{digit - 1}][0-9]*" for before, digit, _ in _positions(fraction) if digit
    ]
    choices += [rf"{whole}(?:\.{fraction[:length]}0*)" for length in range(len(fraction))]
    if fraction:
        choices.append(whole)
    if inclusive:
        choices.append(_equal(whole, fraction))
    return f"0*(?:{'|'.join(choices)})"


def _equal(whole: str, fraction: str) -> str:
    return rf"{whole}\.{fraction}0*" if fraction else rf"{whole}(?:\.0*)?"


def _parts(bound: Decimal) -> tuple[str, str]:
    """Return the digits before and after the point, without zeros at the ends."""
    whole, _, fraction = f"{bound:f}".partition(".")
    return whole.lstrip("0"), fraction.rstrip("0")


def _positions(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each digit with the text before it and the number of digits after it."""
    for at, digit in enumerate(text):
        yield text[:at], int(digit), len(text) - at - 1
