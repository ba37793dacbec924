"""`GET /key`: what the caller's key allows, for programs that offer only what it does."""

from typing import Any, Final

import orjson

from jobgate.broker import CallerLimits
from jobgate.gateway.auth import Caller
from jobgate.gateway.context import Call
from jobgate.gateway.http import Answer
from jobgate.gateway.jobs import moment
from jobgate.gateway.settings import GatewaySettings

#: What anybody may do where no keys are in use.
_EVERYTHING: Final = ("abort", "enqueue:*", "inspect", "metrics", "operate", "read:*")


async def key(call: Call) -> Answer:
    """Answer 200 with name, scopes, functions and limits of the key; without keys, with everything."""
    document = _document(call.caller, call.gateway.settings)
    return Answer(200, orjson.dumps(document))


def _document(caller: Caller, settings: GatewaySettings) -> dict[str, Any]:
    expiry = caller.not_after
    return {
        "name": caller.name,
        "scopes": _EVERYTHING if caller.name is None else sorted(caller.scopes),
        "functions": ("*",) if caller.name is None else sorted(caller.functions),
        "limits": _limits(caller, settings),
        "not_after": None if expiry is None else moment(int(expiry.timestamp() * 1000)),
    }


def _limits(caller: Caller, settings: GatewaySettings) -> dict[str, float | None]:
    own = caller.limits or CallerLimits(name="")
    waits = settings.max_waits if caller.name is None else settings.max_waits_per_key
    return {
        "rate": own.rate,
        "burst": None if own.rate is None else own.most_at_once,
        "pending": own.pending,
        "waits": waits if caller.waits is None else caller.waits,
        "max_body": settings.max_body if caller.max_body is None else caller.max_body,
    }
