"""How a worker starts: says what it is, reaches Redis, looks whether jobs are safe there."""

import asyncio
import time

from jobgate.broker import Broker, BrokerUnavailable
from jobgate.worker.logs import counted, logger, printable
from jobgate.worker.settings import Settings
from jobgate.worker.signatures import doubt_of_ctx, signature_of


def tell_start(settings: Settings, broker: Broker) -> None:
    """Log what is about to run, and where; warn of functions that seem to lack `ctx`."""
    functions = counted(len(settings.functions), "function")
    names = ", ".join(function.name for function in settings.functions)
    logger.info("Starting worker for %s: %s", functions, names)
    queues = [printable(queue) for queue in settings.weights]
    what = "queue" if len(queues) == 1 else "queues"
    logger.info(
        "%s ◆ %s %s ◆ max_jobs %d", broker.settings.address, what, ", ".join(queues), settings.max_jobs
    )
    for function in settings.functions:
        if doubt := doubt_of_ctx(function.name, signature_of(function.coroutine)):
            logger.warning("%s", doubt)


async def reach(broker: Broker) -> None:
    """Connect to Redis, in the time that arq's `conn_retries`, its delay and its timeout make together.

    Raises:
        BrokerUnavailable: Redis did not answer in that time.
        BrokerMisconfigured: it refuses.
    """
    redis = broker.settings
    until = time.monotonic() + redis.conn_retries * (redis.conn_timeout + redis.conn_retry_delay)
    while True:
        try:
            await broker.connect()
        except BrokerUnavailable as error:
            if time.monotonic() >= until:
                raise
            logger.warning("%s", error)
        else:
            return
        await asyncio.sleep(redis.conn_retry_delay)


async def warn_of_losses(broker: Broker) -> None:
    """Warn of settings of Redis with which it may lose jobs."""
    for risk in (await broker.check()).risks:
        logger.warning("%s", risk)
