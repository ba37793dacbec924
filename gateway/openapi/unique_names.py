"""Names in an OpenAPI document from which generators make names of methods and classes."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, count

_OTHERS = re.compile(r"[^A-Za-z0-9]+")


class UniqueNames:
    """Gives out names that stay different when a generator changes case and punctuation.

    Args:
        taken: The names that are given already.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(map(_bare, taken))

    def take(self, *wanted: str) -> str:
        """Return the first of the wanted names that is free; if none is, the last one with a number."""
        for name in chain(wanted, _numbered(wanted[-1])):
            if _bare(name) not in self._taken:
                self._taken.add(_bare(name))
                return name
        raise AssertionError("numbers do not end")


def _bare(name: str) -> str:
    return _OTHERS.sub("", name).lower()


def _numbered(name: str) -> Iterator[str]:
    return (f"{name}_{number}" for number in count(2))


def identifier(text: str) -> str:
    """Return a text with `_` in place of all that is not a letter or digit of ASCII; it may become empty."""
    return _OTHERS.sub("_", text).strip("_")


def class_name(text: str) -> str:
    """Return a text in Pascal case: `send_invoice` becomes `SendInvoice`."""
    return "".join(part[:1].upper() + part[1:] for part in identifier(text).split("_"))


def operation_id(names: UniqueNames, function: str) -> str:
    """Return the id of a function's operation: its name where that is possible."""
    name = identifier(function)
    if not name or name[0].isdigit():
        return names.take(f"call_{name}".rstrip("_"))
    return names.take(name, f"call_{name}")
