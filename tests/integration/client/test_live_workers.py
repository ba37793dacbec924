"""What a client over Redis knows of the live workers, and how often it asks."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from harness.systems.gateways import PlayedWorker
from jobgate.broker import Broker, BrokerUnavailable
from jobgate.client import Client, UnknownFunction

QUEUES = {"arq:queue": "send_mail", "other": "send_mails"}


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Client]:
    async with Broker(redis_url) as broker:
        for queue, function in QUEUES.items():
            await PlayedWorker(broker, function, name=f"w.{queue}", queue=queue).announce()
    async with Client(redis_url, registry=CollectorRegistry()) as made:
        yield made


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The queues whose workers were read; a last entry `"away"` makes reads fail."""
    made: list[str | None] = []
    workers = Broker.workers

    async def counted(broker: Broker, queue: str | None = None) -> Any:
        is_away = made[-1:] == ["away"]
        made.insert(0, queue)
        if is_away:
            raise BrokerUnavailable("away")
        return await workers(broker, queue)

    monkeypatch.setattr(Broker, "workers", counted)
    return made


async def near(client: Client, **options: Any) -> tuple[str, ...]:
    with pytest.raises(UnknownFunction) as caught:
        await client.enqueue("send_mial", **options)
    return caught.value.near


async def test_only_functions_of_the_queue_are_suggested(client: Client) -> None:
    assert await near(client, _queue="other") == ("send_mails",)
    assert await near(client) == ("send_mail",)
    with pytest.raises(UnknownFunction, match="in this queue: name its queue, 'other'") as caught:
        await client.enqueue("send_mails")
    assert caught.value.queues == ("other",)


async def test_workers_are_read_at_most_once_a_second(
    client: Client, reads: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.client.redis.transport._FRESH", 60.0)
    for _ in range(10):
        await client.enqueue("send_mail")
    assert len(reads) == 1


async def test_what_was_known_stays_while_workers_cannot_be_read(
    client: Client, reads: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.client.redis.transport._FRESH", 0.0)
    assert await near(client) == ("send_mail",)
    reads.append("away")
    assert await near(client) == ("send_mail",)
    monkeypatch.setattr("jobgate.client.redis.transport._FRESH", 60.0)
    asked = len(reads)
    assert await near(client) == ("send_mail",)
    assert len(reads) == asked, "it is not asked again at once"
