"""Access lines of a gateway as people at a terminal read them: `jobgate dev` shows these."""

import json
from typing import Final

from jobgate.broker import log_line

_BEFORE: Final = " INFO jobgate.gateway.access: "


def in_short(line: str) -> str:
    """Return a line of a child's log; an access line without what a developer seldom asks for."""
    head, _, members = line.partition(_BEFORE)
    try:
        of = json.loads(members)
        job = f", job {of['job_id']}" if of["job_id"] else ""
        return (
            f"{head} {log_line(of['method'])} {log_line(of['target'])}: {of['status']} in {of['ms']} ms{job}"
        )
    except (ValueError, KeyError, TypeError):
        return line
