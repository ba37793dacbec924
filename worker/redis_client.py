"""`ctx["redis"]`: the client through which functions use Redis."""

from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis

from jobgate.broker import Broker, async_client
from jobgate.worker.settings import Settings


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
