"""`ctx["redis"]`: the pool through which functions enqueue jobs and use Redis, as in arq."""

from typing import Any

from jobgate.broker import Broker
from jobgate.broker.link.settings import async_client
from jobgate.client import ArqRedis
from jobgate.client.errors import DeserializationError
from jobgate.worker.settings import Settings

__all__ = ["DeserializationError", "close_pool", "open_pool"]


def open_pool(settings: Settings, broker: Broker) -> Any:
    """Return the pool of a worker; it connects when it is first used, and jobs travel by the worker's broker.

    A `redis_pool` of the settings that can enqueue jobs itself, like arq's, is handed out as it is.
    """
    given: Any = settings.redis_pool
    if hasattr(given, "enqueue_job"):
        return given
    pool = ArqRedis(
        given if given is not None else async_client(broker.settings, socket_timeout=None),
        settings.job_serializer,
        settings.job_deserializer,
        settings.queue,
        settings.expires_extra_ms,
        serializer=settings.serializer,
        namespace=settings.namespace,
        broker=broker,
    )
    pool.auto_close_connection_pool = given is None
    return pool


async def close_pool(pool: Any, settings: Settings) -> None:
    """Close a pool that `open_pool` has made. Does nothing to the user's own: who opens one closes it."""
    if pool is not None and pool is not settings.redis_pool:
        await pool.aclose()
