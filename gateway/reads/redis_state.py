"""The state of the gateway's Redis: read at startup, in the background, for `/readyz` and for metrics."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from jobgate.broker import (
    Broker,
    BrokerError,
    BrokerMisconfigured,
    NotAQueue,
    QueueDepth,
    Readiness,
    SharedReads,
    Storage,
)
from jobgate.gateway.http import StateLog
from jobgate.gateway.settings import GatewayError

logger = logging.getLogger("jobgate.gateway")
_health_logger = logging.getLogger("jobgate.gateway.health")

#: Seconds for Redis' first answer; without one the gateway starts anyway.
_GREETING: Final = 1.0
#: Seconds between two checks for stock arq's workers, and of the data set. A worker of jobgate that is
#: starting is there by then.
_LOOK_AGAIN: Final = 5.0
#: Seconds for which the state of its storage is remembered.
_STORAGE_EVERY: Final = 5.0
#: Checks for `/readyz` in one second; beyond that the last answer is repeated.
_MOST_CHECKS: Final = 10
#: Seconds that Redis has to answer `/readyz`: probes have little patience, `jobgate health` 4 s.
_READY_WITHIN: Final = 1.0
#: Seconds that Redis has for the gauges of a scrape, all queues together; after that they are left out.
_GAUGES_WITHIN: Final = 2.0
_STOCK_ARQ: Final = (
    "Queue %s has a health line as arq's workers write it and no live worker of jobgate: if "
    "stock arq workers serve it start the gateway with --serializer pickle, they cannot read %s"
)


class RedisState:
    """Watches the Redis of one gateway.

    Args:
        broker: Its broker.
        serializer: Name of the serializer, for the warning about stock arq's workers.
        is_quiet: Whether another process says what is to be said once.
    """

    def __init__(self, broker: Broker, serializer: str, *, is_quiet: bool = False) -> None:
        self._broker = broker
        self._is_quiet = is_quiet
        self._serializer = serializer
        self._check: asyncio.Task[Readiness] | None = None
        #: When the last checks began, by the clock of the loop.
        self._begun: deque[float] = deque(maxlen=_MOST_CHECKS)
        self._readiness_log = StateLog(_health_logger)
        self._gauges_log = StateLog(_health_logger)
        self._is_described = False
        self._storages: SharedReads[None, Storage] = SharedReads()
        self._storage: Storage | None = None
        self._stored_at = 0.0

    async def greet(self) -> None:
        """Log whether Redis answers; raises `GatewayError` if it refuses."""
        try:
            await self._broker.connect(timeout=_GREETING)
        except BrokerMisconfigured as error:
            raise GatewayError(str(error)) from error
        except BrokerError as error:
            if not self._is_quiet:
                logger.warning("Redis is unavailable, /readyz answers 503 until it is back: %s", error)
            return
        await self._mark_data_set()
        await self._describe()

    async def watch_data_set(self) -> None:
        """Check, until cancelled, that Redis still holds the data that it held; the broker logs if not."""
        while True:
            await self._mark_data_set()
            await asyncio.sleep(_LOOK_AGAIN)

    async def _mark_data_set(self) -> None:
        with contextlib.suppress(BrokerError):  # unavailable, or full: requests report that
            await self._broker.mark_data_set()

    async def look_around(self) -> None:
        """Log what operators should know of Redis and its workers, each once, as soon as it is seen."""
        if self._is_quiet:
            return
        while not self._is_described:
            await asyncio.sleep(_GREETING)
            await self._describe()
        if self._serializer != "pickle":
            await self._warn_of_stock_arq()

    async def _describe(self) -> None:
        if self._is_quiet:
            return
        found = await self._broker.check(timeout=_GREETING)
        if found.ok:
            self._is_described = True
            logger.info("Redis answers: durability %s, eviction %s", found.durability, found.eviction)
            for risk in found.risks:
                logger.warning("%s", risk)

    async def _warn_of_stock_arq(self) -> None:
        """Check until stock arq's workers seem to be there, and log it."""
        before: set[str] = set()
        #: Queues that workers of jobgate have served: when they are killed their health line stays.
        ours: set[str] = set()
        while True:
            suspects = await queues_of_others(self._broker, self._broker.live_functions.queues, ours)
            if certain := sorted(suspects & before):
                logger.warning(_STOCK_ARQ, certain[0], self._serializer)
                return
            before = suspects
            await asyncio.sleep(_LOOK_AGAIN)

    async def ready(self) -> Readiness:
        """Return whether Redis accepts the writes of an enqueue; callers at the same time share one check."""
        if self._check is None or (self._check.done() and not self._is_busy()):
            loop = asyncio.get_running_loop()
            self._begun.append(loop.time())
            self._check = loop.create_task(self._broker.check(timeout=_READY_WITHIN))
        readiness = await asyncio.shield(self._check)
        if readiness.ok:
            self._readiness_log.over("ready again")
        else:
            self._readiness_log.trouble("not ready: %s", readiness.detail)
        return readiness

    def _is_busy(self) -> bool:
        now = asyncio.get_running_loop().time()
        return len(self._begun) == _MOST_CHECKS and now - self._begun[0] < 1.0

    async def storage(self) -> Storage:
        """Return how Redis stores its data, read at most some seconds ago; raises `BrokerUnavailable`."""
        clock = asyncio.get_running_loop().time
        if self._storage is None or clock() - self._stored_at > _STORAGE_EVERY:
            self._storage = await self._storages.read(None, self._broker.storage)
            self._stored_at = clock()
        return self._storage

    async def depths(self, queues: Iterable[str]) -> Sequence[QueueDepth] | None:
        """Return the depths of queues, for metrics; None if Redis cannot be read."""
        try:
            async with asyncio.timeout(_GAUGES_WITHIN):
                depths = await asyncio.gather(*(self._depth(queue) for queue in queues))
        except TimeoutError:
            self._gauges_log.trouble(
                "queue gauges are missing: Redis did not answer within %g s", _GAUGES_WITHIN
            )
            return None
        except BrokerError as error:
            self._gauges_log.trouble("queue gauges are missing: %s", error)
            return None
        self._gauges_log.over("queue gauges are available again")
        return [depth for depth in depths if depth is not None]

    async def _depth(self, queue: str) -> QueueDepth | None:
        try:
            return await self._broker.queue_depth(queue)
        except NotAQueue:  # something else has taken its name: the others are shown
            return None


async def queues_of_others(broker: Broker, queues: Iterable[str], ours: set[str]) -> set[str]:
    """Return the queues whose health line no worker of jobgate accounts for.

    Args:
        broker: The broker.
        queues: The queues to look at.
        ours: Queues that workers of jobgate were seen to serve; more are added.
    """
    found = set()
    for queue in queues:
        try:
            depth = await broker.queue_depth(queue)
        except BrokerError:  # unavailable, or not a queue: requests report that
            continue
        if depth.workers:
            ours.add(queue)
        elif depth.has_health_line and queue not in ours:
            found.add(queue)
    return found
