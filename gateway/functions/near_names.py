"""Names like one that does not exist, found in a bounded time: whoever asks holds up all other requests."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise

#: As many names are answered.
_MOST = 5
#: How alike a name must be to be answered, from 0 to 1: two of three letters right are enough.
_ALIKE = 0.55
#: As many of the most promising names are compared; each costs a look at the caller's rights, too.
_COMPARED = 48
#: Bits of a signature for letters, and for pairs of letters.
_LETTERS, _PAIRS = 64, 256


def near_names(wanted: str, names: Iterable[str], may_know: Callable[[str], bool]) -> list[str]:
    """The names most like `wanted`, the best first, of those that the caller may know of."""
    signature, length = _signature(wanted), len(wanted)
    # A name with a slip of the pen has nearly all letters and pairs in common: this takes 0.5 µs a name.
    promising = sorted(
        names, key=lambda name: ((_signature(name) ^ signature).bit_count() + abs(len(name) - length), name)
    )
    found = [(-_alike(name, wanted), name) for name in filter(may_know, promising[:_COMPARED])]
    return [name for unlike, name in sorted(found)[:_MOST] if -unlike >= _ALIKE]


def learn(names: Iterable[str]) -> None:
    """Do beforehand what comparing with these names takes."""
    for name in names:
        _signature(name)


def _alike(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1: the share of letters, and of pairs, that they have in common.

    Takes time in proportion to their lengths; difflib takes up to its cube.
    """
    letters = 2 * (Counter(one) & Counter(other)).total() / (len(one) + len(other))
    one_pairs, other_pairs = _pairs(one), _pairs(other)
    return (letters + 2 * len(one_pairs & other_pairs) / (len(one_pairs) + len(other_pairs))) / 2


def _pairs(name: str) -> set[tuple[str, str]]:
    return set(pairwise(f"^{name}$"))


@lru_cache(maxsize=20_000)
def _signature(name: str) -> int:
    """A bit for each letter and each pair of letters that the name holds."""
    signature = 0
    codes = [ord(letter) for letter in name]
    for code in codes:
        signature |= 1 << code % _LETTERS
    for first, second in pairwise(codes):
        signature |= 1 << _LETTERS + (first * 31 + second) % _PAIRS
    return signature
