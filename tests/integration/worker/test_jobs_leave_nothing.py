"""What is left in a worker of a job that has ended: nothing, also before the garbage collector comes."""

import gc

from harness.systems.workers import burst, enqueue
from jobgate.broker import Broker
from jobgate.worker.jobs import RunningJob


async def noop(ctx: dict[str, object]) -> None: ...


async def test_ended_jobs_are_freed_without_the_garbage_collector(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        for _ in range(5):
            await enqueue(broker, "noop")
    gc.collect()
    gc.disable()
    try:
        worker = await burst([noop], redis_url)
        assert worker.jobs_complete == 5
        assert [one for one in gc.get_objects() if isinstance(one, RunningJob)] == []
    finally:
        gc.enable()
