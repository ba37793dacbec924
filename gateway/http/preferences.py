"""How long a request wants to wait: `?wait=N`, or `Prefer: wait=N` of RFC 7240."""

import re
from urllib.parse import parse_qsl

from jobgate.gateway.http.problems import Problem, field_errors

#: A number as JSON writes it, which may be `-0`; what else begins with `-` is refused later.
_SECONDS = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?")
_PREFERENCE = re.compile(r'wait\s*=\s*"?([0-9]{1,9}(?:\.[0-9]{1,9})?)"?\s*(?:;.*)?', re.IGNORECASE)


def asked_wait(query: str, prefer: str | None, *, longest: float) -> float | None:
    """The wait that is asked for, in seconds, above 0 and at most `longest`; None = none.

    0 is no wait. The query goes before the header. A preference that makes no sense is ignored, as RFC 7240
    wants it; a query that makes none is a `Problem` 422.
    """
    asked = _wait_parameter(query) if query else None
    if asked is None and prefer is not None:
        asked = _preferred(prefer)
    return min(asked or 0.0, longest) or None


def _preferred(prefer: str) -> float | None:
    for preference in prefer.split(","):
        match = _PREFERENCE.fullmatch(preference.strip())
        if match:
            return float(match[1])
    return None


def _wait_parameter(query: str) -> float | None:
    found: float | None = None
    for name, value in _parameters(query):
        if name != "wait":
            raise field_errors("invalid-request", [("?", "The only query parameter is wait.")])
        if found is not None or _SECONDS.fullmatch(value) is None or float(value) < 0:
            wrong = "wait is a number of seconds, 0 or more, given once."
            raise field_errors("invalid-request", [("?wait", wrong)])
        found = float(value)
    return found


def _parameters(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=10, strict_parsing=True)
    except ValueError:
        raise Problem("invalid-request", "The query cannot be read: the only parameter is wait=N.") from None


def applied(wait: float) -> str:
    """The header line that tells the wait which was applied."""
    return f"Preference-Applied: wait={wait:g}\r\n"
