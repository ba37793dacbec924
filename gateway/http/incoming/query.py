"""The parameters of a query, and the wait that a request asks for: `?wait=N`, or `Prefer: wait=N`."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from jobgate.gateway.http.problems import Problem, field_errors

#: Returns what is wrong with a parameter's value; None = nothing.
Check = Callable[[str], str | None]

#: Number of items that a page reads by default, and at most.
PAGE, MAX_PAGE = 100, 1000
#: A number as JSON writes it, which may be `-0`; other negative ones are refused later.
_SECONDS: Final = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?")
_PREFERENCE: Final = re.compile(r'wait\s*=\s*"?([0-9]{1,9}(?:\.[0-9]{1,9})?)"?\s*(?:;.*)?', re.IGNORECASE)
_LIMIT: Final = re.compile(r"[0-9]{1,4}")


def read_query(query: str, checks: Mapping[str, Check]) -> dict[str, str]:
    """Return the parameters of a query.

    Args:
        query: The part of the target after `?`, as sent.
        checks: A check for each known parameter.

    Raises:
        Problem: 422 if a parameter is unknown, given twice, or wrong.
    """
    # Some more than there are, so that one that is unknown or given twice is named.
    most = 2 * len(checks) + 10
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=most, strict_parsing=bool(query))
    except ValueError:
        raise Problem("invalid-request", "The query is not of the form name=value&name=value.") from None
    given = dict(pairs)
    if len(checks) == 1 and given.keys() == checks.keys():
        given = {pairs[0][0]: "&".join(value for _, value in pairs)}  # no check accepts several values
    elif len(given) < len(pairs) or not given.keys() <= checks.keys():
        names = ", ".join(checks)
        many = f"The query parameters are {names}, each at most once."
        detail = many if len(checks) > 1 else f"The only query parameter is {names}."
        raise field_errors("invalid-request", [("?", detail)])
    found = [(f"?{name}", checks[name](value)) for name, value in given.items()]
    if wrong := [(pointer, detail) for pointer, detail in found if detail]:
        raise field_errors("invalid-request", wrong)
    return given


def check_limit(text: str) -> str | None:
    """Return what is wrong with a page's `limit`."""
    if _LIMIT.fullmatch(text) and 1 <= int(text) <= MAX_PAGE:
        return None
    return f"It must be a whole number from 1 to {MAX_PAGE}."


def page_limit(given: Mapping[str, str]) -> int:
    """Return the `limit` of a query that was read."""
    return int(given.get("limit", PAGE))


def asked_wait(query: str, prefer: str | None, *, longest: float) -> float | None:
    """Return the requested wait in seconds, above 0 and at most `longest`; None = no wait.

    The query takes precedence over the header. An invalid preference is ignored, as RFC 7240 requires; an
    invalid query is a `Problem` 422.
    """
    asked = None
    if query and "wait" in (given := read_query(query, {"wait": _check_wait})):
        asked = float(given["wait"])
    if asked is None and prefer is not None:
        asked = _preferred(prefer)
    return min(asked or 0.0, longest) or None


def applied(wait: float | None) -> dict[str, str]:
    """Return the header that reports the wait which was applied; empty if there was none."""
    return {} if wait is None else {"Preference-Applied": f"wait={wait:g}"}


def _check_wait(text: str) -> str | None:
    if _SECONDS.fullmatch(text) and float(text) >= 0:
        return None
    return "wait is a number of seconds, 0 or more, given once."


@lru_cache(maxsize=64)
def _preferred(prefer: str) -> float | None:
    for preference in prefer.split(","):
        match = _PREFERENCE.fullmatch(preference.strip())
        if match:
            return float(match[1])
    return None
