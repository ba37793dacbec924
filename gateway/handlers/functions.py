"""`GET /functions` and `GET /functions/{function}`: what live workers offer to the caller."""

from jobgate.gateway.context import Call
from jobgate.gateway.functions import function_name, not_offered
from jobgate.gateway.http import Answer, tagged
from jobgate.gateway.openapi import LONGEST_MAKING, Description, as_listed


async def functions(call: Call) -> Answer:
    """Answer 200 with the functions that the caller may enqueue, or 304 if it has this list already."""
    with call.deadline.paused(LONGEST_MAKING):
        description = await call.gateway.descriptions.listing(call.caller.may_enqueue)
    return tagged(call.request, description.body, description.etag)


async def function(call: Call) -> Answer:
    """Answer 200 with one function, or 304; 404 if there is none that the caller may enqueue."""
    name, may_see = function_name(call.name), call.caller.may_enqueue
    visible = await call.gateway.descriptions.visible(may_see)
    found = next((one for one in visible if one.name == name), None)
    if found is None:
        raise not_offered(name, (one.name for one in visible), may_see)
    description = Description.of(as_listed(found))
    return tagged(call.request, description.body, description.etag)
