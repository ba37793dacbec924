"""Which queue a request goes to, what is said where nobody serves it, and which queues the metrics show."""

import re
import urllib.request

import pytest

from harness.processes.commands import Processes
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.gateway.metrics import Meter
from jobgate.gateway.reads.redis_state import queues_of_others


async def test_requests_that_name_no_queue_go_to_the_default_one(redis_url: str) -> None:
    async with (
        running_gateway(redis_url, default_queue="mail") as gateway,
        Broker(redis_url) as broker,
    ):
        worker = PlayedWorker(broker, "add", queue="mail")
        status, job, _ = await gateway.post("/jobs/add", {"args": [1]})
        assert (status, job["queue"]) == (202, "mail")
        await worker.run_one(7)
        assert (await gateway.get(f"/jobs/{job['job_id']}/result?wait=20"))[1]["result"] == 7
        await gateway.post("/jobs/add", {"job_id": "next"})
        assert (await gateway.get("/jobs/next/status"))[1]["queue"] == "mail"
        listed = [each["job_id"] for each in (await gateway.get("/jobs"))[1]["jobs"]]
        assert listed == ["next", job["job_id"]]


def test_the_default_queue_is_an_option(processes: Processes, redis_url: str) -> None:
    process = processes.gateway(redis_url, "--default-queue", "mail")
    with urllib.request.urlopen(f"{process.url}/metrics") as answer:
        text = answer.read().decode()
    assert 'queue_depth{queue="mail"' in text
    assert "arq:queue" not in text


async def no_worker(gateway: RunningGateway, queue: str | None) -> bool:
    status, problem, _ = await gateway.post("/jobs/add?wait=0.01", {"queue": queue})
    assert (status, problem.get("code")) in {(202, None), (503, "no-worker")}
    return bool(status == 503)


@pytest.mark.parametrize("named", [(), ("nowork",)])
async def test_a_call_into_a_queue_without_workers_is_refused_where_there_are_some_elsewhere(
    redis_url: str, named: tuple[str, ...]
) -> None:
    async with running_gateway(redis_url, queues=named) as gateway, Broker(redis_url) as broker:
        assert not await no_worker(gateway, "nowork"), "nobody ever said anything: stock arq may be there"
        await PlayedWorker(broker, "add").announce()

        async def refused() -> bool:
            return await no_worker(gateway, "nowork")

        await eventually_async(refused, what="503 no-worker")
        document = {"queue": "nowork", "job_id": "never"}
        status, problem, headers = await gateway.post("/jobs/add?wait=30", document)
        assert (status, problem["code"], headers["Retry-After"]) == (503, "no-worker", "1")
        assert (await gateway.get("/jobs/never/status"))[0] == 404
        assert not await no_worker(gateway, None)
        assert (await gateway.post("/jobs/add", document))[0] == 202, "a worker may come"
        await PlayedWorker(broker, "add", name="late", queue="nowork").announce()
        assert not await no_worker(gateway, "nowork")


async def test_beside_stock_arq_workers_every_queue_may_have_some(redis_url: str) -> None:
    async with (
        running_gateway(redis_url, serializer="pickle") as gateway,
        Broker(redis_url) as broker,
    ):
        await PlayedWorker(broker, "add").announce()

        async def seen() -> bool:
            return (await gateway.post("/jobs/surely_unknown"))[0] == 404

        await eventually_async(seen, what="the gateway knows what workers offer")
        assert not await no_worker(gateway, "of-arq")


async def queues_shown(gateway: RunningGateway) -> set[str]:
    text = (await gateway.get("/metrics"))[1].decode()
    return set(re.findall(r'oldest_due_age_seconds{queue="(.*?)"}', text))


async def test_the_gauges_show_where_this_gateway_has_enqueued(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway:
        assert await queues_shown(gateway) == {"arq:queue"}
        assert (await gateway.post("/jobs/add", {"queue": "nowork"}))[0] == 202
        assert (await gateway.post("/jobs/add", {"queue": "arq:job:x"}))[0] == 422
        assert await queues_shown(gateway) == {"arq:queue", "nowork"}
        text = (await gateway.get("/metrics"))[1].decode()
        assert 'jobgate_gateway_queue_depth{queue="nowork",state="queued"} 1.0' in text


def test_callers_cannot_make_up_queues_without_end() -> None:
    meter = Meter()
    for number in range(200):
        meter.enqueued("f", frozenset(), f"queue-{number}")
    assert tuple(meter.queues) == tuple(f"queue-{number}" for number in range(100))


async def test_a_health_line_that_a_killed_worker_of_jobgate_left_is_not_stock_arq_s(
    valkey_server: RedisServer, redis_url: str
) -> None:
    async with Broker(redis_url) as broker:
        await PlayedWorker(broker, "add").announce()
        ours: set[str] = set()
        with valkey_server.client() as client:
            client.set("arq:queue:health-check", "j_complete=0")
            assert await queues_of_others(broker, ("arq:queue",), ours) == set()
            client.delete("arq:queue:workers")
        assert await queues_of_others(broker, ("arq:queue",), ours) == set()
        assert await queues_of_others(broker, ("arq:queue",), set()) == {"arq:queue"}
