"""Names in the generated module: which may stand there as they are, and what the others become."""

import keyword
import re
import unicodedata
from collections.abc import Iterable

#: Python reads them as names, and does not let them be assigned.
_NOT_ASSIGNABLE = frozenset({"__debug__"})


def is_identifier(name: str) -> bool:
    """Whether Python reads `name` as exactly this name."""
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and name not in _NOT_ASSIGNABLE
        and unicodedata.normalize("NFKC", name) == name
    )


def in_snake_case(text: str) -> str:
    """Return a name for a function that is called `text` on the wire."""
    return _as_identifier(text, "function_")


def in_pascal_case(*texts: str) -> str:
    """Return a name for a type, from one or more texts: `order-line` and `total` become `OrderLineTotal`."""
    words = [word for text in texts for word in re.split(r"[\W_]+", text) if word]
    return _as_identifier("".join(word[:1].upper() + word[1:] for word in words), "Type")


def _as_identifier(text: str, prefix: str) -> str:
    # ASCII: other letters that Python would change into each other are not worth more rules.
    if is_identifier(text) and not text.startswith("_"):
        return text
    plain = re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_")
    if not plain or plain[0].isdigit():
        return prefix + plain
    return f"{plain}_" if keyword.iskeyword(plain) else plain


class Names:
    """Gives each thing of a module a name of its own.

    Args:
        reserved: Names that the module uses for something else.
    """

    def __init__(self, reserved: Iterable[str]) -> None:
        self._taken = set(reserved)

    def __contains__(self, name: str) -> bool:
        return name in self._taken

    def take(self, *wanted: str) -> str:
        """Return the first of the wanted names that is free, else the last one, followed by a number."""
        free = next((name for name in wanted if name not in self._taken), "")
        number = 2
        while not free:
            candidate = f"{wanted[-1]}{number}"
            free = "" if candidate in self._taken else candidate
            number += 1
        self._taken.add(free)
        return free
