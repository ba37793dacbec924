"""Stock arq claims a job in two steps: it looks, then it marks it, if nobody has written the mark meanwhile.

Whatever ends or moves the job in between must make the second step fail: arq would find the body gone, and
write "job expired" over the result.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import redis

from harness.jobs.leases import let_run_out
from harness.jobs.records import QUEUE, first_result
from harness.servers.redis_server import RedisServer
from jobgate.broker import AbortAnswer, Broker, ClaimedJob, JobRequest, Transition


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[Broker]:
    async with Broker(server.url) as made:
        yield made


async def finish(broker: Broker, job: ClaimedJob) -> bool:
    return await broker.finish(job.lease, first_result(result=1), keep=60) is Transition.DONE


async def retry(broker: Broker, job: ClaimedJob) -> bool:
    return await broker.retry(job.lease, defer=60, score_ms=job.score_ms) is Transition.DONE


async def release(broker: Broker, job: ClaimedJob) -> bool:
    await broker.release([job])
    return True


async def abort(broker: Broker, job: ClaimedJob) -> bool:
    return await broker.abort("a") is AbortAnswer.ABORTED


@pytest.mark.parametrize("transition", [finish, retry, release, abort])
async def test_arq_does_not_get_a_job_that_was_moved_after_its_look(
    server: RedisServer, broker: Broker, transition: Callable[[Broker, ClaimedJob], Awaitable[bool]]
) -> None:
    await broker.enqueue(JobRequest(function="add", job_id="a"))
    (job,) = (await broker.claim(QUEUE, 1, worker_id="w", token="w:1")).jobs
    mark = "arq:in-progress:a"
    with server.client() as client, client.pipeline() as arq:
        let_run_out(client, "a")
        arq.watch(mark)
        assert not arq.exists(mark)
        assert arq.zscore(QUEUE, "a")
        assert await transition(broker, job)
        arq.multi()
        arq.psetex(mark, 310_000, b"1")
        with pytest.raises(redis.WatchError):
            arq.execute()
        assert not client.exists(mark)
