"""`/livez`, `/readyz`, `/metrics` and `/openapi.json`: what operators and tools ask."""

import asyncio
from functools import lru_cache
from importlib.resources import files

import orjson
import yaml
from prometheus_client import CONTENT_TYPE_LATEST

from jobgate.broker.errors import BrokerError, NotAQueue
from jobgate.broker.records import QueueDepth
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.http.answers import Answer
from jobgate.gateway.http.problems import Problem

_RETRY_AFTER = "Retry-After: 1\r\n"
#: Seconds that Redis has to answer `/readyz`: those who ask have little patience, `jobgate health` 4 s.
_READY_WITHIN = 1.0
#: Seconds that Redis has for the gauges of a scrape, all queues together; without, counters are shown.
_GAUGES_WITHIN = 2.0


async def livez(gateway: Gateway, call: Call) -> Answer:
    """Answer 200: the process lives and its event loop turns."""
    return Answer(200, b'{"status":"alive"}')


async def readyz(gateway: Gateway, call: Call) -> Answer:
    """Answer 200 when Redis takes a write as an enqueue makes one; else, and once it shuts down, 503."""
    if gateway.draining:
        raise Problem("not-ready", "It is shutting down.", headers=_RETRY_AFTER)
    if gateway.keys is not None and not gateway.keys.is_usable:
        raise Problem("not-ready", "The gateway cannot read its keys file.", headers=_RETRY_AFTER)
    readiness = await gateway.readiness.ask(gateway.broker, within=_READY_WITHIN)
    if not readiness.ok:
        gateway.readiness_log.trouble("not ready: %s", readiness.detail)
        raise Problem("not-ready", readiness.reason, headers=_RETRY_AFTER)
    gateway.readiness_log.over("ready again")
    return Answer(200, orjson.dumps({"status": "ready", "durability": readiness.durability}))


async def metrics(gateway: Gateway, call: Call) -> Answer:
    """Answer 200 with all metrics in the text format of Prometheus."""
    call.caller.require("metrics")
    text = gateway.meter.exposition(await _depths(gateway), waits=gateway.waits.count)
    return Answer(200, text, content_type=CONTENT_TYPE_LATEST)


async def _depths(gateway: Gateway) -> list[QueueDepth] | None:
    queues = dict.fromkeys((*gateway.broker.live_functions.queues, *gateway.meter.queues))
    try:
        async with asyncio.timeout(_GAUGES_WITHIN):
            depths = await asyncio.gather(*(_depth(gateway, queue) for queue in queues))
    except TimeoutError:
        gateway.gauges_log.trouble(
            "queue gauges are missing: Redis did not answer within %g s", _GAUGES_WITHIN
        )
        return None
    except BrokerError as error:
        gateway.gauges_log.trouble("queue gauges are missing: %s", error)
        return None
    gateway.gauges_log.over("queue gauges are available again")
    return [depth for depth in depths if depth is not None]


async def _depth(gateway: Gateway, queue: str) -> QueueDepth | None:
    try:
        return await gateway.broker.queue_depth(queue)
    except NotAQueue:  # something else has taken its name: the others are shown
        return None


async def openapi(gateway: Gateway, call: Call) -> Answer:
    """Answer 200 with `openapi.yaml` as JSON."""
    return Answer(200, openapi_json())


@lru_cache(maxsize=1)
def openapi_json() -> bytes:
    """`openapi.yaml` as JSON."""
    text = files("jobgate.gateway").joinpath("openapi.yaml").read_text("utf-8")
    return orjson.dumps(yaml.safe_load(text))
