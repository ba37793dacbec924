"""What operators ask of Redis itself, where Redis goes away in the middle."""

from typing import Any

import pytest

from harness.servers.losing_proxy import Proxy, proxy_to
from harness.servers.redis_server import RedisServer
from jobgate.broker import Broker, JobOptions, JobRequest
from jobgate.client import Client, GatewayUnavailable, OutcomeUnknown
from jobgate.client.redis.operations import RedisOperations


class CutBroker(Broker):
    """Loses Redis as soon as a queue has been switched."""

    proxy: Proxy

    async def pause(self, *args: Any, **options: Any) -> None:
        """Pause."""
        await super().pause(*args, **options)
        await self.proxy.stop()


async def test_a_pause_after_which_redis_is_away_is_not_said_to_have_failed(
    valkey_server: RedisServer, redis_url: str
) -> None:
    async with (
        Broker(redis_url) as direct,
        proxy_to(valkey_server.port) as proxy,
        CutBroker(proxy.url, deadline=0.5) as broker,
    ):
        broker.proxy = proxy
        operations = RedisOperations(lambda: broker)
        with pytest.raises(OutcomeUnknown, match="a second pause or resume changes nothing"):
            await operations.pause("mail")
        assert await direct.is_paused("mail")
        with pytest.raises(GatewayUnavailable) as caught:
            await operations.pause("mail")
        assert type(caught.value) is GatewayUnavailable, "nothing was sent"


async def test_operations_are_listed_only_where_their_queue_is_named(redis_url: str) -> None:
    async with Broker(redis_url) as broker, Client(redis_url) as client:
        options = JobOptions(queue=broker.keys.operations)
        await broker.enqueue(JobRequest(function="jobgate.bulk_retry", job_id="operation", options=options))
        await broker.enqueue(JobRequest(function="add", job_id="job"))
        await broker.note_queues([broker.keys.operations])  # as a gateway does that was asked for it
        assert [job.job_id async for job in client.jobs(queue="*")] == ["job"]
        assert [job.job_id async for job in client.jobs(queue=broker.keys.operations)] == ["operation"]
