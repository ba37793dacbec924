"""A cron scheduler whose clock the test sets, and what it has put into the queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from harness.servers.redis_server import RedisServer
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.worker import Settings
from jobgate.worker.clock import RedisClock
from jobgate.worker.cron_jobs.scheduler import AHEAD_MOST, Scheduler

NOON = datetime(2031, 5, 5, 12, tzinfo=UTC)
QUEUE = "arq:queue"


class Told:
    """A scheduler and the clock that it is told."""

    def __init__(self, broker: Broker, jobs: tuple[Any, ...], **settings: object) -> None:
        self.clock = RedisClock()
        self.stopped = False
        chosen = Settings.of({"cron_jobs": jobs}, **settings)
        self.scheduler = Scheduler(
            broker, chosen.cron_jobs, queue=chosen.queue, timezone=chosen.timezone, clock=self.clock,
            stopped=lambda: self.stopped,
        )  # fmt: skip

    async def at(self, moment: datetime) -> None:
        """Have it another time, and wait until all is enqueued that then is to be."""
        self.tell(moment)

        async def has_gone_on() -> bool:
            due = self.scheduler.next_due
            return not self.clock.changed.is_set() and due is not None and due > moment + AHEAD_MOST

        await eventually_async(has_gone_on, what=f"the scheduler's work at {moment}")

    def tell(self, moment: datetime) -> None:
        self.clock.set(round(moment.timestamp() * 1000))


@asynccontextmanager
async def scheduling(
    broker: Broker, moment: datetime | None, *jobs: Any, **settings: object
) -> AsyncIterator[Told]:
    """Run a scheduler whose clock shows `moment`."""
    told = Told(broker, jobs, **settings)
    await told.scheduler.enqueue_startup_jobs()
    await told.scheduler.start()
    if moment is not None:
        await told.at(moment)
    try:
        yield told
    finally:
        await told.scheduler.stop()


def ids(server: RedisServer, queue: str = QUEUE) -> list[str]:
    """The ids in a queue, by due time."""
    with server.client() as client:
        return [member.decode() for member in client.zrange(queue, 0, -1)]


def times(server: RedisServer) -> list[str]:
    """The times of the jobs in the queue, from their ids."""
    moments = [datetime.fromtimestamp(int(job_id.split(":")[2]) / 1000, UTC) for job_id in ids(server)]
    return [moment.strftime("%H:%M:%S") for moment in moments]


def end_all(server: RedisServer) -> list[str]:
    """Have all jobs ended with no result kept: nothing is left of them. Return their ids."""
    ended = ids(server)
    with server.client() as client:
        for job_id in ended:
            client.delete(f"arq:job:{job_id}")
            client.zrem(QUEUE, job_id)
    return ended
