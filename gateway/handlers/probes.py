"""`/livez`, `/readyz` and `/metrics`: the endpoints for operators and their tools."""

import orjson
from prometheus_client import CONTENT_TYPE_LATEST

from jobgate.gateway.context import Call
from jobgate.gateway.http import Answer, Problem


async def livez(call: Call) -> Answer:
    """Answer 200: the process is alive and its event loop runs."""
    return Answer(200, b'{"status":"alive"}')


async def readyz(call: Call) -> Answer:
    """Answer 200 if Redis accepts the writes of an enqueue; else, and during the shutdown, 503."""
    gateway = call.gateway
    if gateway.is_draining:
        raise Problem("not-ready", "It is shutting down.")
    if gateway.keys is not None and not gateway.keys.is_usable:
        raise Problem("not-ready", "The gateway cannot read its keys file.")
    readiness = await gateway.redis.ready()
    if not readiness.ok:
        raise Problem("not-ready", readiness.reason)
    return Answer(200, orjson.dumps({"status": "ready", "durability": readiness.durability}))


async def metrics(call: Call) -> Answer:
    """Answer 200 with all metrics in the text format of Prometheus."""
    call.caller.require("metrics")
    gateway = call.gateway
    served = gateway.broker.live_functions.queues
    for queue in served:
        gateway.meter.show_queue(queue)
    depths = await gateway.redis.depths(gateway.meter.shown_queues(served))
    text = gateway.meter.exposition(depths, waits=gateway.waits.count, streams=gateway.streams.count)
    return Answer(200, text, content_type=CONTENT_TYPE_LATEST)
