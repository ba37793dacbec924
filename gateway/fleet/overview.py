"""Who may see the fleet, and pages of its lists."""

from collections.abc import Mapping, Sequence
from typing import Final

from jobgate.gateway.auth import Caller
from jobgate.gateway.http import Problem, page_limit

#: Scopes that show what all callers do; one of them is needed.
_SCOPES: Final = frozenset({"read:*", "operate"})
#: Longest cursor that is accepted: the longest name in a list.
_LONGEST_CURSOR: Final = 256


def require_overview(caller: Caller) -> None:
    """Raise `Problem` 403 unless the caller may see what all callers do."""
    if caller.name is not None and not caller.scopes & _SCOPES:
        raise Problem("forbidden", "The key needs the scope read:* or operate.")


def page_of(names: Sequence[str], given: Mapping[str, str]) -> tuple[Sequence[str], str]:
    """Return the names on one page, and the cursor of the next; empty = there is none.

    Args:
        names: All names, sorted.
        given: The query.
    """
    cursor = given.get("cursor", "")
    later = [name for name in names if name > cursor]
    shown = later[: page_limit(given)]
    return shown, shown[-1] if len(shown) < len(later) else ""


def check_cursor(text: str) -> str | None:
    """Return what is wrong with a cursor."""
    return None if len(text) <= _LONGEST_CURSOR else "A cursor must be the next_cursor of another page."
