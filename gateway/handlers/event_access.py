"""What all event streams have in common: their headers, and that they end with the rights of their caller."""

from collections.abc import AsyncGenerator
from typing import Final

from jobgate.gateway.context import Call
from jobgate.gateway.events import comment
from jobgate.gateway.http import Problem, StreamedAnswer

#: nginx, and what took its header over, would collect events before it passes them on.
_HEADERS: Final = {"X-Accel-Buffering": "no"}
_TOO_SLOW: Final = comment("too slow: resume with Last-Event-ID")


def stream_answer(pieces: AsyncGenerator[bytes, None]) -> StreamedAnswer:
    """Return the answer with an event stream."""
    return StreamedAnswer(
        pieces, content_type="text/event-stream", headers=dict(_HEADERS), if_too_slow=_TOO_SLOW
    )


def may_still_read(call: Call, scope: str = "read") -> bool:
    """Whether the caller could start the same stream now: its key may be revoked, or have less scopes.

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
