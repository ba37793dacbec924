"""The access log: one line for each request, with who asked for what, and never a key."""

import json
import logging
from dataclasses import dataclass
from typing import Any

from aiohttp.web import BaseRequest

from jobgate.broker.log_text import without_secrets
from jobgate.gateway.context import Call
from jobgate.gateway.http.answers import Answer
from jobgate.gateway.http.redaction import shown_target

logger = logging.getLogger("jobgate.gateway.access")

#: The route of a request that has none, in metrics and logs.
UNMATCHED = "unmatched"
#: As many characters of a name that a caller made up as a line takes; valid ones are no longer.
_LONGEST_NAME = 128


@dataclass(slots=True)
class Found:
    """What is known of a request, filled in on its way: whoever logs it sees as much as was found."""

    route: str = UNMATCHED
    #: The route's path, with the variable part's own name in it.
    path: str = ""
    #: The variable part.
    name: str = ""
    #: There once the caller was let in.
    call: Call | None = None


class AccessLine(dict[str, Any]):
    """The members of a line; as text it is JSON of nothing but ASCII.

    So no line break, terminal code or look-alike gets into the log.
    """

    def __str__(self) -> str:
        """Return the JSON."""
        return json.dumps(self).replace("\x7f", "\\u007f")


def log_access(request: BaseRequest, answer: Answer, found: Found, seconds: float) -> None:
    """Log an answered request."""
    call, named = found.call, without_secrets(found.name)[:_LONGEST_NAME]
    logger.info(
        AccessLine(
            method=request.method[:16],
            target=shown_target(request.raw_path),
            route=found.route,
            status=answer.status,
            ms=round(seconds * 1000, 2),
            bytes=len(answer.body),
            remote=request.remote,
            request_id=answer.request_id,
            caller=call.caller.name if call else None,
            function=named if "{function}" in found.path else None,
            job_id=named if "{job_id}" in found.path else call.job_id if call else None,
        )
    )
