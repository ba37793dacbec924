"""Typed calls with a real worker: arguments arrive with their types, and results come back with theirs."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from harness.functions import typed_functions
from harness.functions.typed_functions import (
    Colour,
    Order,
    Part,
    moment,
    order,
    parts,
    renamed,
    several,
    spans,
)
from harness.processes.commands import REPOSITORY, Processes
from harness.servers.redis_server import RedisServer
from harness.tools import valkey_binary
from jobgate.client import Client, InvalidArguments, JobNotFound, ResultMismatch

SETTINGS = "harness.functions.typed_functions.WorkerSettings"
PART = Part(b"\xfb\xff\x00", Decimal("1.10"), {1, 2})
ORDER = Order.model_validate(
    {"id": UUID(int=7), "the-day": date(2024, 5, 6), "parts": [PART], "colour": Colour.RED}
)


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Address of Redis and of a gateway, whose worker has the typed functions."""
    directory = tmp_path_factory.mktemp("typed")
    server = RedisServer(valkey_binary(), directory / "server").start()
    processes = Processes(directory)
    try:
        processes.worker(SETTINGS, server.url, cwd=REPOSITORY / "tests")
        yield {"http": processes.gateway(server.url).url, "redis": server.url}
    finally:
        processes.end_all()
        server.kill()


@pytest.fixture(params=["http", "json", "msgpack"])
async def client(request: pytest.FixtureRequest, urls: dict[str, str]) -> AsyncIterator[Client]:
    """A client over HTTP, or through Redis with a serializer that each worker reads."""
    over_http = request.param == "http"
    options = {} if over_http else {"serializer": request.param}
    url = urls["http" if over_http else "redis"]
    async with Client(url, timeout=60, registry=CollectorRegistry(), **options) as client:
        yield client


async def test_models_travel_there_and_back(client: Client) -> None:
    assert await client.call(order, ORDER) == ORDER
    job = await client.enqueue(order, what=ORDER, pause=timedelta(microseconds=-1500))
    assert await job.result() == ORDER


async def test_values_that_json_lacks_travel_there_and_back(client: Client) -> None:
    for value in (datetime(2024, 5, 6, 7, 8, 9, 10, UTC), datetime.now(timezone(timedelta(hours=-3)))):
        assert await client.call(moment, value) == value
    given = ((1, Colour.RED), {"a", "b"}, b"\xff\xfe\x00", {date(2024, 5, 6): Decimal("0.10")})
    assert await client.call(several, *given) == given
    assert await client.call(parts, PART, count=2) == [PART, PART]


@pytest.mark.parametrize(
    "span", [timedelta(0), timedelta(days=400, microseconds=1), timedelta(days=-1, seconds=1)], ids=str
)
async def test_durations_travel_there_and_back(client: Client, span: timedelta) -> None:
    at = time(5, tzinfo=UTC)
    assert await client.call(spans, span, span, at=at, a=Path("/tmp")) == [span, span, timedelta(hours=5)]


async def test_a_renamed_function_is_called_by_its_name(client: Client) -> None:
    assert await client.call(renamed, 1, b=2) == 3
    assert await client.with_options(timeout=30, max_tries=1).call(renamed, 1) == 2
    assert await client.call("typed.renamed", 1, 5) == 6


async def test_options_reach_the_job(client: Client) -> None:
    later = client.with_options(defer_by=300, job_id=f"later-{id(client)}")
    job = await later.enqueue(renamed, 1)
    info = await job.info()
    assert info.due_time is not None
    assert info.due_time - datetime.now(UTC) > timedelta(minutes=4)
    assert job.id == f"later-{id(client)}"
    assert await job.abort()


async def test_a_result_of_another_version_says_that_the_job_succeeded(client: Client) -> None:
    async def newer(ctx: Any) -> date:
        raise NotImplementedError

    newer.__jobgate_name__ = typed_functions.newer.__qualname__  # type: ignore[attr-defined]
    with pytest.raises(ResultMismatch, match="The job succeeded") as caught:
        await client.call(newer)
    assert caught.value.result == "tomorrow"
    assert caught.value.job is not None
    assert (await caught.value.job.info()).success is True


async def test_arguments_without_a_plain_form_enqueue_nothing(client: Client) -> None:
    with pytest.raises(InvalidArguments) as caught:
        await client.enqueue("spans", at=lambda: 1)
    assert caught.value.job is not None
    with pytest.raises(JobNotFound):
        await caught.value.job.info()
