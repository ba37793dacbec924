"""`GET /openapi.json`: the description of this API, and of each function that live workers offer."""

from jobgate.gateway.context import Call
from jobgate.gateway.http import Answer, tagged
from jobgate.gateway.openapi import LONGEST_MAKING


async def openapi(call: Call) -> Answer:
    """Answer 200 with `openapi.yaml` and the functions that the caller may enqueue, or 304."""
    with call.deadline.paused(LONGEST_MAKING):
        description = await call.gateway.descriptions.openapi(call.caller.may_enqueue)
    return tagged(call.request, description.body, description.etag)
