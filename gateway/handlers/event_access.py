"""What all event streams have in common: their headers, and that they end with the rights of their caller."""

from typing import Final

from jobgate.gateway.context import Call
from jobgate.gateway.http import Problem

EVENT_STREAM: Final = "text/event-stream"
#: nginx, and what took its header over, would collect events before it passes them on.
STREAM_HEADERS: Final = {"X-Accel-Buffering": "no"}


def may_still_read(call: Call) -> bool:
    """Whether the caller could start the same stream now: its key may be revoked, or have less scopes."""
    keys = call.gateway.keys
    if keys is None:
        return True
    try:
        caller = keys.caller(call.request.headers.get("Authorization"))
        caller.require("read")
    except Problem:
        return False
    return caller.name == call.caller.name and caller.only_owner in (None, call.caller.only_owner)
