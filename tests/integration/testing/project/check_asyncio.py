"""pytest-asyncio, in its strict mode, with asyncio's loop and with uvloop."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
import uvloop

from jobgate.client import Client
from jobgate.testing import GatewayInTest, ManualWorker


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


@pytest_asyncio.fixture
async def ready(jobgate_client: Client) -> AsyncIterator[None]:
    await jobgate_client.enqueue("add", 1, 1, _job_id="before")
    yield
    assert await jobgate_client.job("before").result(timeout=0) == 2


@pytest.mark.asyncio
async def test_retry(ready: None, jobgate_client: Client, jobgate_worker: ManualWorker) -> None:
    job = await jobgate_client.enqueue("charge", 7)
    assert {one.outcome for one in await jobgate_worker.run_jobs()} == {"success", "retried"}
    jobgate_worker.move_time(minutes=1)
    await jobgate_worker.run_jobs()
    assert await job.result(timeout=0) == "charged 7"


@pytest.mark.asyncio
@pytest.mark.jobgate("shop_jobs.WorkerSettings", timezone=UTC)
async def test_cron(jobgate_worker: ManualWorker) -> None:
    jobgate_worker.move_time(to=datetime.now(UTC).replace(hour=2, minute=59) + timedelta(days=1))
    (ran,) = await jobgate_worker.pass_time(minutes=2)
    assert (ran.function, ran.result) == ("cron:report", "sent")


@pytest.mark.asyncio
async def test_gateway(jobgate_gateway: GatewayInTest, jobgate_worker: ManualWorker) -> None:
    async with Client(jobgate_gateway.url) as client, jobgate_worker.running():
        assert await client.call("add", 1, 2) == 3
