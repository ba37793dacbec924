"""JSON pointers into a request's body, safe to send back: names in them are the caller's text."""

from collections.abc import Iterable
from typing import Final

#: Characters of one name, and of a whole pointer. A longer one points to a value around it.
_LONGEST_NAME: Final = 64
_LONGEST: Final = 512
#: Besides letters and digits; everything else could be markup or a control character.
_KEPT: Final = frozenset("_-. $@:+~/")


def json_pointer(path: Iterable[str | int]) -> str:
    """Return the pointer as a URI fragment, such as `#/args/1/count`."""
    pointer = "#"
    for step in path:
        longer = f"{pointer}/{_escaped(step) if isinstance(step, str) else step}"
        if len(longer) > _LONGEST:
            break
        pointer = longer
    return pointer


def _escaped(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in _KEPT else "?" for c in name[:_LONGEST_NAME])
    return kept.replace("~", "~0").replace("/", "~1")
