"""Known names that resemble an unknown one, for the "did you mean" of messages."""

import difflib
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice, pairwise

#: How many names are returned at most.
_MOST = 5
#: Lowest similarity of a suggested name, from 0 to 1: two correct letters of three are enough.
_ALIKE = 0.55
#: The same for `did_you_mean`: `timout` and `timeout` are alike, `timeout` and `conn_timeout` are not.
_NEARLY_EQUAL = 0.75
#: How many of the best candidates are compared in full; each may also need a check of the caller's rights.
_COMPARED = 48
#: The same for `did_you_mean`, which compares letter by letter, and the longest names that it compares.
_COMPARED_LONG, _LONGEST = 8, 100
#: More names than these are not looked at: they were not written by a person.
_LOOKED_AT = 20_000
#: Bits of a signature for letters, and for pairs of letters.
_LETTERS, _PAIRS = 64, 256


def near_names(
    wanted: str,
    names: Iterable[str],
    may_know: Callable[[str], bool] = lambda _: True,
) -> list[str]:
    """Return up to five names that resemble `wanted`, the best first.

    The time is bounded, because it blocks the gateway's event loop. difflib may take time cubic in the length
    of the names.

    Args:
        wanted: The name that does not exist.
        names: The names that exist.
        may_know: Whether the caller may see a name.
    """
    promising = _promising(wanted, names)[:_COMPARED]
    found = [(-_likeness(name, wanted), name) for name in filter(may_know, promising)]
    return [name for unlike, name in sorted(found)[:_MOST] if -unlike >= _ALIKE]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'timeout'?` if `name` is close to a known name, else an empty string.

    The time is bounded, as that of `near_names`.

    Args:
        name: The name as written.
        known: The valid names.
    """
    name = name[:_LONGEST]
    promising = _promising(name, (one for one in known if len(one) <= _LONGEST))[:_COMPARED_LONG]
    near = difflib.get_close_matches(name, promising, n=1, cutoff=_NEARLY_EQUAL)
    return f", did you mean {near[0]!r}?" if near else ""


def _promising(wanted: str, names: Iterable[str]) -> list[str]:
    """Return names in the order of how many letters and pairs of letters they share with `wanted`."""
    signature, length = _signature(wanted), len(wanted)
    # This takes 0.5 µs per name.
    return sorted(
        islice(names, _LOOKED_AT),
        key=lambda name: ((_signature(name) ^ signature).bit_count() + abs(len(name) - length), name),
    )


def learn(names: Iterable[str]) -> None:
    """Prepare names for comparison, so that the first `near_names` is as fast as later ones."""
    for name in islice(names, _LOOKED_AT):
        _signature(name)


def _likeness(one: str, other: str) -> float:
    """Return the share of letters, and of pairs, that two names have in common, from 0 to 1."""
    letters = 2 * (Counter(one) & Counter(other)).total() / (len(one) + len(other) or 1)
    one_pairs, other_pairs = _pairs(one), _pairs(other)
    return (letters + 2 * len(one_pairs & other_pairs) / (len(one_pairs) + len(other_pairs))) / 2


def _pairs(name: str) -> set[tuple[str, str]]:
    return set(pairwise(f"^{name}$"))


@lru_cache(maxsize=_LOOKED_AT)
def _signature(name: str) -> int:
    """Return a number with a bit for each letter and each pair of letters in the name."""
    signature = 0
    codes = [ord(letter) for letter in name]
    for code in codes:
        signature |= 1 << code % _LETTERS
    for first, second in pairwise(codes):
        signature |= 1 << _LETTERS + (first * 31 + second) % _PAIRS
    return signature
