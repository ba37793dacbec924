"""How each event stream begins, and that it ends when its caller may no longer read it.

The events themselves come from job_stream.py (one job), all_events.py (everything that happens) and
change_stream.py (the same, merged).
"""

from collections.abc import AsyncGenerator
from typing import Final

from jobgate.gateway.context import Call
from jobgate.gateway.events import comment
from jobgate.gateway.http import Problem, StreamedAnswer

#: Without it nginx, and proxies that know its header, would collect events before they pass them on.
_HEADERS: Final = {"X-Accel-Buffering": "no"}
_TOO_SLOW: Final = comment("too slow: resume with Last-Event-ID")


def stream_answer(pieces: AsyncGenerator[bytes, None]) -> StreamedAnswer:
    """Return the answer with an event stream."""
    return StreamedAnswer(
        pieces, content_type="text/event-stream", headers=dict(_HEADERS), if_too_slow=_TOO_SLOW
    )


def may_still_read(call: Call, scope: str = "read") -> bool:
    """Whether the caller could start the same stream now: its key may be revoked, or have fewer scopes.

    Args:
        call: The request.
        scope: The scope by which it was started.
    """
    keys = call.gateway.keys
    if keys is None:
        return True
    try:
        caller = keys.caller(call.request.headers.get("Authorization"))
        caller.require(scope)
    except Problem:
        return False
    return caller.name == call.caller.name and caller.only_owner in (None, call.caller.only_owner)
