"""What a gateway says of the Redis that it finds: away, forgetful, or with stock arq's workers on it."""

import asyncio
import contextlib
import logging

from jobgate.broker import Broker
from jobgate.broker.errors import BrokerError, BrokerMisconfigured
from jobgate.gateway.settings import GatewayError

logger = logging.getLogger("jobgate.gateway")

#: Seconds for Redis' first answer; without one the gateway begins all the same.
_GREETING = 1.0
#: Seconds between two looks for stock arq's workers, and at the data set. A worker of jobgate that is
#: starting is there by then.
_LOOK_AGAIN = 5.0


async def greet(broker: Broker) -> bool:
    """Say whether Redis answers, and return it; raises `GatewayError` when it refuses."""
    try:
        await broker.connect(timeout=_GREETING)
    except BrokerMisconfigured as error:
        raise GatewayError(str(error)) from error
    except BrokerError as error:
        logger.warning("Redis is away, /readyz answers 503 until it is back: %s", error)
        return False
    await _mark_data_set(broker)
    return await _tell_how_it_keeps(broker)


async def watch_data_set(broker: Broker) -> None:
    """Look for ever whether Redis still holds the data that it held; the broker logs it and tells waiters."""
    while True:
        await _mark_data_set(broker)
        await asyncio.sleep(_LOOK_AGAIN)


async def _mark_data_set(broker: Broker) -> None:
    with contextlib.suppress(BrokerError):  # away, or full: the requests tell
        await broker.mark_data_set()


async def look_around(broker: Broker, serializer: str, *, greeted: bool) -> None:
    """Say what operators should know of Redis and of its workers, each once, as soon as it is seen."""
    while not greeted:
        await asyncio.sleep(_GREETING)
        greeted = await _tell_how_it_keeps(broker)
    if serializer != "pickle":
        await _tell_of_stock_arq(broker, serializer)


async def _tell_how_it_keeps(broker: Broker) -> bool:
    found = await broker.check(timeout=_GREETING)
    if not found.ok:
        return False
    logger.info("Redis answers: durability %s, eviction %s", found.durability, found.eviction)
    for risk in found.risks:
        logger.warning("%s", risk)
    return True


async def _tell_of_stock_arq(broker: Broker, serializer: str) -> None:
    """Look on until stock arq's workers seem to be there, and say so."""
    before: set[str] = set()
    #: What workers of jobgate have served: when they are killed their health line stays.
    ours: set[str] = set()
    while True:
        suspects = await queues_of_others(broker, broker.live_functions.queues, ours)
        if certain := sorted(suspects & before):
            logger.warning(
                "Queue %s has a health line as arq's workers write it and no live worker of jobgate: if "
                "stock arq workers serve it start the gateway with --serializer pickle, they cannot read %s",
                certain[0],
                serializer,
            )
            return
        before = suspects
        await asyncio.sleep(_LOOK_AGAIN)


async def queues_of_others(broker: Broker, queues: tuple[str, ...], ours: set[str]) -> set[str]:
    """The queues with a health line that no worker of jobgate accounts for; add theirs to `ours`."""
    found = set()
    for queue in queues:
        try:
            depth = await broker.queue_depth(queue)
        except BrokerError:  # away, or no queue: the requests tell
            continue
        if depth.workers:
            ours.add(queue)
        elif depth.has_health_line and queue not in ours:
            found.add(queue)
    return found
