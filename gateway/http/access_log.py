"""The access log: one line of JSON for each request, with nothing secret in it."""

import json
import logging
import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import unquote_plus

from aiohttp.web import BaseRequest

from jobgate.broker import PatientRecord, without_secrets
from jobgate.gateway.http.answers import Answer
from jobgate.gateway.http.proxies import peer_of

logger = logging.getLogger("jobgate.gateway.access")

#: Longest target of a request that the log shows, in characters.
_LONGEST: Final = 256
#: A parameter's name that may be shown while its value is not: too short for a key.
_NAME: Final = re.compile(r"[A-Za-z_-]{1,16}")


class AccessLine(dict[str, Any]):
    """The members of a line; as text it is JSON in ASCII.

    So no line break, terminal code or look-alike gets into the log.
    """

    def __str__(self) -> str:
        """Return the JSON."""
        return json.dumps(self).replace("\x7f", "\\u007f")


def log_access(
    request: BaseRequest,
    answer: Answer,
    *,
    seconds: float,
    route: str,
    shown: Collection[str],
    **members: str | None,
) -> None:
    """Log a request that was answered.

    Args:
        request: The request.
        answer: Its answer.
        seconds: The time that it took.
        route: Name of its route.
        shown: Names of the query parameters whose values may be shown.
        members: Further members of the line.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    _write(
        AccessLine(
            method=request.method[:16],
            target=shown_target(request.raw_path, shown),
            route=route,
            status=answer.status,
            ms=round(seconds * 1000, 2),
            bytes=answer.size,
            remote=peer_of(request),
            request_id=answer.request_id,
            **members,
        )
    )


def _write(line: AccessLine) -> None:
    """Log a line, which may be written at the end of the event loop's turn, together with others."""
    if logging.getLogRecordFactory() is not logging.LogRecord:
        logger.info(line)  # the program makes its own records
        return
    code = log_access.__code__
    # The stack is not searched for the caller.
    logger.handle(
        PatientRecord(
            logger.name, logging.INFO, code.co_filename, code.co_firstlineno, line, (), None, code.co_name
        )
    )


def shown_target(target: str, shown: Collection[str]) -> str:
    """Return a request's target without keys, and without the values of unknown parameters.

    Callers put keys and passwords into queries.

    Args:
        target: As sent, with its query.
        shown: Names of the parameters whose values may be shown.
    """
    path, mark, query = target.partition("?")
    path = "***" if without_secrets(decoded := unquote_plus(path)) != decoded else path
    parameters = (_shown(each, shown) for each in query[: 4 * _LONGEST].split("&"))
    return (path + mark + "&".join(parameters if mark else ()))[:_LONGEST]


def _shown(parameter: str, shown: Collection[str]) -> str:
    name, sign, value = parameter.partition("=")
    decoded = unquote_plus(value)
    if name in shown and without_secrets(decoded) == decoded:
        return parameter
    return f"{name if _NAME.fullmatch(name) and sign else '***'}{sign}{'***' if sign else ''}"
