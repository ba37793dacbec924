"""How a worker starts: logs what it is, connects to Redis, and checks that jobs are safe there."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis

from jobgate.broker import Broker, BrokerError, BrokerUnavailable, async_client, printable
from jobgate.worker.clock import RedisClock
from jobgate.worker.jobs import Shared
from jobgate.worker.log import logger
from jobgate.worker.settings import Settings


def log_start(shared: Shared) -> None:
    """Log which functions are about to run, and where; warn of those that seem to be defined wrongly."""
    settings, broker = shared.settings, shared.broker
    names = ", ".join(function.name for function in settings.functions)
    # arq says "1 functions", and people look for it.
    logger.info("Starting worker for %d functions: %s", len(settings.functions), names)
    queues = [printable(queue) for queue in settings.weights]
    what = "queue" if len(queues) == 1 else "queues"
    logger.info(
        "%s ◆ %s %s ◆ max_jobs %d", broker.settings.address, what, ", ".join(queues), settings.max_jobs
    )
    for function in shared.functions.values():
        if doubt := function.doubt:
            logger.warning("%s", doubt)


async def connect(broker: Broker, clock: RedisClock) -> None:
    """Connect to Redis, log what it is, and set the clock to its time.

    It retries for as long as arq's `conn_retries`, its delay and its timeout allow together.

    Raises:
        BrokerUnavailable: Redis did not answer in that time.
        BrokerMisconfigured: Redis refuses the command.
    """
    redis = broker.settings
    failures, until = 0, time.monotonic() + redis.conn_retries * (redis.conn_timeout + redis.conn_retry_delay)
    while True:
        try:
            clock.presume(await broker.connect())
        except BrokerUnavailable as error:
            if time.monotonic() >= until:
                raise
            failures += 1
            logger.warning("%s", error)
        else:
            if failures:
                logger.info("redis connection successful")
            return await _log_redis(broker)
        await asyncio.sleep(redis.conn_retry_delay)


async def _log_redis(broker: Broker) -> None:
    """Log version and size of Redis, in arq's words; nothing where INFO is not allowed."""
    info = await broker.server_info()
    if info is None:
        return
    valkey = f" valkey_version={info.valkey_version}" if info.valkey_version else ""
    logger.info(
        "redis_version=%s mem_usage=%s clients_connected=%s db_keys=%s%s",
        *(info.redis_version, info.used_memory, info.connected_clients, info.keys, valkey),
    )


async def warn_of_losses(broker: Broker) -> None:
    """Warn of settings of Redis that may lose jobs, and mark its data, to notice when they are lost."""
    with contextlib.suppress(BrokerError):  # each heartbeat does it, too
        await broker.mark_data_set()
    found = await broker.check()
    for risk in found.risks:
        logger.warning("%s", risk)


def open_redis(settings: Settings, broker: Broker, wrap: Callable[[Redis], Any]) -> Any:
    """Return what functions find as `ctx["redis"]`; it connects when it is first used.

    That is the `redis_pool` of the settings where it can enqueue jobs, as arq's can. Otherwise it is what
    `wrap` makes of a plain client, on the connections of `redis_pool` or on its own.
    """
    given: Any = settings.redis_pool
    if hasattr(given, "enqueue_job"):
        return given
    if given is None:
        return wrap(async_client(broker.settings, socket_timeout=None))
    return wrap(Redis(connection_pool=getattr(given, "connection_pool", given)))


async def close_redis(client: Any, settings: Settings) -> None:
    """Close what `open_redis` has made, but never the user's own `redis_pool`."""
    if client is not None and client is not settings.redis_pool:
        await client.aclose()
