"""docs/redis-layout.md shows which keys of a job exist after each transition."""

import re
from pathlib import Path

import pytest
import redis

from harness.servers.redis_server import RedisServer
from jobgate.broker import Broker, JobRequest, JobResult

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "redis-layout.md").read_text()
QUEUE = "arq:queue"
ROWS = {
    name: cells.split(" | ")
    for name, cells in re.findall(
        r"^\| (enqueue|claim|renew|retry|release|finish)\b.*? \| (.+) \|$", PAGE, re.M
    )
}
RESULT = JobResult(
    job_id="a", function="f", args=[], kwargs={}, tries=1, success=True, result=2, enqueue_time_ms=1,
    start_time_ms=2, finish_time_ms=3, queue=QUEUE,
)  # fmt: skip


def exists(client: redis.Redis) -> list[bool]:
    """Tell which of the table's columns the job has now."""
    keys = ["arq:job:a", "arq:in-progress:a", "arq:retry:a", "arq:result:a"]
    return [client.zscore(QUEUE, "a") is not None, *(bool(client.exists(key)) for key in keys)]


@pytest.mark.parametrize("after", ["enqueue", "claim", "renew", "retry", "release", "finish"])
async def test_the_keys_of_a_job_are_those_of_the_table(after: str, server: RedisServer) -> None:
    broker = Broker(server.url)
    await broker.enqueue(JobRequest(function="f", job_id="a"))
    if after != "enqueue":
        claim = await broker.claim(QUEUE, 1, worker_id="w", token="w:1", lease=10)
        (job,) = claim.jobs
        match after:
            case "renew":
                assert broker.lease_renewer().renew([job.lease], lease=10).lost == []
            case "retry":
                await broker.retry(job.lease, defer=60, score_ms=job.score_ms, tries=1)
            case "release":
                await broker.release([job])
            case "finish":
                await broker.finish(job.lease, RESULT, keep=60)
    with server.client() as client:
        assert exists(client) == [cell != "–" for cell in ROWS[after]]
    await broker.close()
