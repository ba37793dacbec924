"""How long a request wants to wait: `?wait=N`, or `Prefer: wait=N` of RFC 7240."""

import re
from urllib.parse import parse_qsl

from jobgate.gateway.problems import Problem, field_errors

_SECONDS = re.compile(r"[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?")
_PREFERENCE = re.compile(r'wait\s*=\s*"?([0-9]{1,9}(?:\.[0-9]{1,9})?)"?\s*(?:;.*)?', re.IGNORECASE)


def asked_wait(query: str, prefer: str | None, *, longest: float) -> float | None:
    """The wait that is asked for, in seconds, at most `longest`; None = none was asked for.

    The query goes before the header. A preference that makes no sense is ignored, as RFC 7240 wants it;
    a query that makes none is a `Problem` 422.
    """
    if query:
        text = _wait_parameter(query)
        if text is not None:
            return min(float(text), longest)
    if prefer is not None:
        for preference in prefer.split(","):
            match = _PREFERENCE.fullmatch(preference.strip())
            if match:
                return min(float(match[1]), longest)
    return None


def _wait_parameter(query: str) -> str | None:
    found: str | None = None
    for name, value in _parameters(query):
        if name != "wait":
            raise field_errors("invalid-request", [("?", "The only query parameter is wait.")])
        if found is not None or _SECONDS.fullmatch(value) is None:
            raise field_errors("invalid-request", [("?wait", "wait is a number of seconds, given once.")])
        found = value
    return found


def _parameters(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=10, strict_parsing=True)
    except ValueError:
        raise Problem("invalid-request", "The query cannot be read: the only parameter is wait=N.") from None


def applied(wait: float) -> str:
    """The header line that tells the wait which was applied."""
    return f"Preference-Applied: wait={wait:g}\r\n"
