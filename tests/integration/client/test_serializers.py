"""The client with each serializer, straight through Redis and over HTTP."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from prometheus_client import CollectorRegistry

from harness.functions.typed_functions import Part, moment, parts
from harness.processes.commands import REPOSITORY, Processes
from jobgate.client import Client, JobAborted, JobFailed

SETTINGS = "harness.functions.client_worker.WorkerSettings"


@pytest.mark.parametrize("serializer", ["json", "msgpack", "pickle"])
async def test_results_and_failures_travel_with_each_serializer(
    processes: Processes, redis_url: str, serializer: str
) -> None:
    named = ("--serializer", serializer)
    processes.worker(SETTINGS, redis_url, *named, cwd=REPOSITORY / "tests")
    url = processes.gateway(redis_url, *named).url
    async with (
        Client(url, registry=CollectorRegistry()) as over_http,
        Client(redis_url, serializer=serializer, registry=CollectorRegistry()) as straight,
    ):
        for client in (over_http, straight):
            got = await client.call("echo", [1, "ü"], key=None)
            assert list(got["args"]) == [[1, "ü"]]
            assert got["kwargs"] == {"key": None}
            with pytest.raises(JobFailed) as caught:
                await client.call("fail", "broken")
            assert (caught.value.type, caught.value.message) == ("ValueError", "broken")
            job = await client.enqueue("sleep", 60)
            assert await job.abort()
            with pytest.raises(JobAborted):
                await job.result()
        # With pickle the function's own exception travels along.
        assert isinstance(caught.value.__cause__, ValueError) is (serializer == "pickle")


async def test_pickle_carries_the_objects_of_typed_calls(processes: Processes, redis_url: str) -> None:
    settings = "harness.functions.typed_functions.WorkerSettings"
    processes.worker(settings, redis_url, "--serializer", "pickle", cwd=REPOSITORY / "tests")
    part = Part(b"\xff", Decimal("1.10"), {1})
    async with Client(redis_url, serializer="pickle", registry=CollectorRegistry()) as client:
        assert await client.call(parts, part, 2) == [part, part]
        value = datetime.now(UTC)
        assert await client.call(moment, value) == value


async def test_pickle_carries_what_json_cannot(processes: Processes, redis_url: str) -> None:
    processes.worker(SETTINGS, redis_url, "--serializer", "pickle", cwd=REPOSITORY / "tests")
    async with Client(redis_url, serializer="pickle", registry=CollectorRegistry()) as client:
        assert await client.call("echo", {1, 2}, 2**70) == {"args": ({1, 2}, 2**70), "kwargs": {}}
