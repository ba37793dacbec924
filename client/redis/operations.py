"""What operators ask Redis for, without a gateway."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from jobgate.broker import Broker, LiveFunctions, why_not_queue
from jobgate.client.errors import GatewayUnavailable, InvalidRequest, NeedsGateway, OutcomeUnknown
from jobgate.client.info import JobInfo
from jobgate.client.operate import (
    BulkCount,
    BulkRequest,
    FailureCount,
    FunctionInfo,
    JobFilter,
    QueueInfo,
    ScheduleInfo,
    WorkerInfo,
)
from jobgate.client.redis.failure_counts import failure_count
from jobgate.client.redis.job_list import JobList
from jobgate.client.redis.operation_records import function_info, queue_info, schedule_info, worker_info
from jobgate.client.redis.translation import translated

#: How old the knowledge of functions may be, in seconds.
_FRESH: Final = 1.0
_SWITCH_AGAIN: Final = "a second pause or resume changes nothing."
_NOT_A_QUEUE: Final = "The key of this queue holds another type of value: choose another queue."


class RedisOperations:
    """The `Operations` of Redis itself: all but bulk operations, which gateways run.

    Args:
        broker: Returns the broker of the running event loop.
    """

    def __init__(self, broker: Callable[[], Broker]) -> None:
        self._broker = broker

    async def jobs(self, wanted: JobFilter, limit: int | None) -> AsyncGenerator[JobInfo, None]:
        """Yield jobs, page by page."""
        found = 0
        async for job in JobList(self._broker(), wanted).jobs():
            yield job
            found += 1
            if found == limit:
                return

    async def failures(self, wanted: JobFilter, limit: int | None) -> FailureCount:
        """Count failures by function and error."""
        return await failure_count(self._broker(), await self._names(), wanted, limit)

    async def queues(self) -> list[QueueInfo]:
        """Return the queues that are in use."""
        return await self._states(await self._names())

    async def queue(self, name: str) -> QueueInfo:
        """Return one queue."""
        with translated():
            found = await self._states([self._broker().keys.queue(name)])
        if not found:
            raise InvalidRequest(_NOT_A_QUEUE)
        return found[0]

    async def workers(self) -> list[WorkerInfo]:
        """Return the live workers of the queues that are in use."""
        broker, names = self._broker(), await self._names()
        with translated():
            found = sorted(await broker.live_workers(names), key=lambda one: one.record.worker_id)
            vitals = await broker.worker_vitals([one.record.worker_id for one in found])
            catalogues = {one.record.catalogue for one in found if one.record.catalogue}
            offered = {each: await broker.live_functions.offered_by(each) for each in catalogues}
        return [
            worker_info(one, does, offered.get(one.record.catalogue or ""))
            for one, does in zip(found, vitals, strict=True)
        ]

    async def functions(self) -> list[FunctionInfo]:
        """Return the functions that live workers of the queues in use offer."""
        return list(map(function_info, (await self._live()).all_functions().values()))

    async def schedules(self, next_before: datetime | None) -> list[ScheduleInfo]:
        """Return the cron jobs of the live workers of the queues in use."""
        broker = self._broker()
        until_ms = None if next_before is None else math.ceil(next_before.timestamp() * 1000)
        namespace = broker.keys.namespace
        found = [
            each
            for each in (await self._live()).all_schedules()
            if why_not_queue(namespace, each.schedule.queue) is None
        ]
        with translated():
            return list(map(schedule_info, await broker.schedule_states(found, until_ms=until_ms)))

    async def _live(self) -> LiveFunctions:
        """Return what live workers of the queues in use offer, up to date."""
        live, names = self._broker().live_functions, await self._names()
        with translated():
            for queue in names:
                await live.find("", queue, max_age=_FRESH)
        return live

    async def pause(self, queue: str) -> QueueInfo:
        """Pause a queue."""
        return await self._switched(queue, self._broker().pause)

    async def resume(self, queue: str) -> QueueInfo:
        """Resume a queue."""
        return await self._switched(queue, self._broker().resume)

    async def _switched(self, queue: str, switch: Callable[[str], Awaitable[None]]) -> QueueInfo:
        before = await self.queue(queue)
        with translated():
            await switch(before.queue)
        try:
            return await self.queue(queue)
        except GatewayUnavailable as error:
            # It has been done: an error must not say that nothing was.
            raise OutcomeUnknown(f"{error} The queue may have been switched: {_SWITCH_AGAIN}") from error

    async def count(self, request: BulkRequest) -> BulkCount:
        """Refuse: a gateway counts."""
        raise NeedsGateway(_bulk(request))

    async def begin(self, request: BulkRequest) -> tuple[str, str | None]:
        """Refuse: gateways run bulk operations."""
        raise NeedsGateway(_bulk(request))

    async def _names(self) -> list[str]:
        broker = self._broker()
        with translated():
            return sorted({broker.keys.default_queue, *await broker.known_queues()})

    async def _states(self, names: Sequence[str]) -> list[QueueInfo]:
        """Return queues, without those whose key holds another type of value."""
        broker = self._broker()
        with translated():
            depths = [depth for depth in await broker.queue_depths(names) if depth is not None]
            hours = await broker.activities([depth.queue for depth in depths]) if depths else []
        return [queue_info(depth, minutes) for depth, minutes in zip(depths, hours, strict=True)]


def _bulk(request: BulkRequest) -> str:
    return f"Gateways run bulk_{request.kind}: use the URL of one, http://…, in place of that of Redis."
