"""Targets of requests as a log may show them: callers put keys and passwords into queries."""

import re
from typing import Final
from urllib.parse import unquote_plus

from jobgate.broker.log_text import without_secrets

#: Longest target that a log shows, in characters.
_LONGEST: Final = 256
#: Parameters of the API, whose values are shown.
_SHOWN: Final = frozenset({"wait", "queue", "status", "function", "cursor", "limit"})
#: A name that can be shown, while its value is not: not long enough for a key.
_NAME: Final = re.compile(r"[A-Za-z_-]{1,16}")


def shown_target(target: str) -> str:
    """Return a request's target without values of parameters that the API does not have, and without keys.

    Args:
        target: as sent, with its query.
    """
    path, mark, query = target.partition("?")
    path = "***" if without_secrets(decoded := unquote_plus(path)) != decoded else path
    parameters = (_shown(each) for each in query[: 4 * _LONGEST].split("&"))
    return (path + mark + "&".join(parameters if mark else ()))[:_LONGEST]


def _shown(parameter: str) -> str:
    name, sign, value = parameter.partition("=")
    decoded = unquote_plus(value)
    if name in _SHOWN and without_secrets(decoded) == decoded:
        return parameter
    return f"{name if _NAME.fullmatch(name) and sign else '***'}{sign}{'***' if sign else ''}"
