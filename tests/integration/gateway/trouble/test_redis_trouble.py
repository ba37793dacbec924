"""The gateway while Redis is unavailable, frozen, full or holds what nobody can read."""

import asyncio
from typing import Any

import pytest
import redis

from harness.servers.redis_server import RedisServer
from harness.systems.gateways import (
    PlayedWorker,
    RunningGateway,
    functions_known,
    running_gateway,
    waits_in_flight,
)
from harness.waiting import eventually_async
from jobgate.broker import Availability, Broker, BrokerUnavailable, LiveFunctions


async def test_redis_away_is_503_and_comes_back(server: RedisServer) -> None:
    async with running_gateway(server.url, redis_deadline=2.0) as gateway:
        assert (await gateway.get("/readyz"))[:2] == (200, {"status": "ready", "durability": "aof"})
        server.kill()
        asked = (
            ("POST", "/jobs/add"),
            ("POST", "/jobs/add?wait=1"),
            ("GET", "/jobs/x/status"),
            ("GET", "/jobs/x/result"),
            ("POST", "/jobs/x/abort"),
            ("GET", "/readyz"),
        )
        answers = await asyncio.gather(*(gateway.ask(method, path) for method, path in asked))
        for (_, path), (status, problem, headers) in zip(asked, answers, strict=True):
            assert (status, problem["retryable"], headers["Retry-After"]) == (503, True, "1"), path
        assert (await gateway.get("/livez"))[0] == 200
        status, text, _ = await gateway.get("/metrics")
        assert status == 200
        assert b"jobgate_gateway_redis_up 0.0" in text
        server.start()

        async def back() -> bool:
            return (await gateway.post("/jobs/add"))[0] == 202

        await eventually_async(back, what="202")


FROZEN = (
    ("POST", "/jobs/add", None),
    ("POST", "/jobs/add?wait=0.01", None),
    ("POST", "/jobs/unheard?wait=30", None),
    ("POST", "/jobs/unheard", {"queue": "elsewhere", "job_id": "a"}),
    ("GET", "/jobs/x/status?wait=30", None),
    ("GET", "/jobs/x/result?wait=30", None),
    ("POST", "/jobs/x/abort?wait=30", None),
    ("GET", "/readyz", None),
)


async def test_a_request_gives_a_frozen_redis_one_deadline_in_all(make_server: Any) -> None:
    server = make_server("valkey")
    async with running_gateway(server.url, redis_deadline=1.5) as gateway, Broker(server.url) as broker:
        await PlayedWorker(broker, "add").announce()
        await functions_known(gateway)
        server.pause()
        loop = asyncio.get_running_loop()

        async def timed(method: str, path: str, document: Any) -> tuple[str, float, int, str]:
            start = loop.time()
            status, problem, _ = await gateway.ask(method, path, json=document)
            return path, loop.time() - start, status, problem["code"]

        # One, then one of each kind, and many at once: calls that wait behind others count as well.
        answers = [await timed(*FROZEN[0])]
        answers += await asyncio.gather(*(timed(*frozen) for frozen in FROZEN))
        crowd = []
        for _ in range(8):
            crowd += [asyncio.create_task(timed(*frozen)) for frozen in FROZEN]
            await asyncio.sleep(0.05)
        answers += await asyncio.gather(*crowd)
        server.resume()
        assert [answer for answer in answers if answer[1] > 2.8] == [], "less than two deadlines"
        assert {status for _, _, status, _ in answers} == {503}
        # Not sent at all where the connection was being opened.
        codes = {code for path, _, _, code in answers if path == "/jobs/add"}
        assert codes <= {"outcome-unknown", "unavailable"}
        assert {code for path, _, _, code in answers if "unheard" in path} == {"unavailable"}


async def test_a_wait_leaves_the_deadline_for_redis_whole(gateway: RunningGateway, redis_url: str) -> None:
    async with running_gateway(redis_url, redis_deadline=2.0) as hurried:
        await hurried.post("/jobs/add", {"job_id": "slow"})
        asked = (
            ("POST", "/jobs/add?wait=3"),
            ("GET", "/jobs/slow/result?wait=3"),
            ("GET", "/jobs/slow/status?wait=3"),
        )
        answers = await asyncio.gather(*(hurried.ask(method, path) for method, path in asked))
        for (_, path), (status, job, _) in zip(asked, answers, strict=True):
            assert (status, job["status"]) == (200 if "status" in path else 202, "queued")


async def test_a_redis_that_freezes_during_a_wait_is_given_what_was_left(make_server: Any) -> None:
    server = make_server("valkey")
    async with running_gateway(server.url, redis_deadline=2.0) as gateway:
        assert (await gateway.post("/jobs/add", {"job_id": "a"}))[0] == 202
        paths = ("/jobs/a/result?wait=3", "/jobs/a/status?wait=3")
        asked = [asyncio.create_task(gateway.get(path)) for path in paths]
        called = asyncio.create_task(gateway.post("/jobs/add?wait=3", {"job_id": "b"}))
        await waits_in_flight(gateway, 3)
        server.pause()
        start = asyncio.get_running_loop().time()
        assert [(await each)[0] for each in asked] == [503, 503]
        assert (await called)[0] == 202, "it is known to be enqueued"
        assert asyncio.get_running_loop().time() - start < 3 + 2 + 1.5
        server.resume()


async def test_a_question_that_is_given_up_leaves_no_queue_behind(make_server: Any) -> None:
    server = make_server("valkey")
    async with Broker(server.url, deadline=1.5) as broker:
        live = broker.live_functions
        live.begin_to_watch(["arq:queue"])
        await live.find("f", "made-up")
        server.pause()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await live.find("f", "made-up")
        with pytest.raises(BrokerUnavailable):
            await live.find("f", "made-up")
        server.resume()
        assert live.queues == ("arq:queue",)
        assert await live.find("f", "made-up") is Availability.UNPUBLISHED


async def test_a_queue_is_looked_at_before_anything_is_said_of_it(worker: PlayedWorker) -> None:
    await worker.announce()
    for configured in ((), ("arq:queue",)):
        live = LiveFunctions(worker.broker.workers, worker.broker.catalogue)
        live.begin_to_watch(configured)
        assert live.remembered("ad", "arq:queue") is None
        asked = [asyncio.create_task(live.find("ad", "arq:queue")) for _ in range(3)]
        assert [await each for each in asked] == [Availability.UNKNOWN] * 3
        assert live.names == {"add", "send_invoice"}


async def test_a_worker_s_record_that_makes_no_sense_is_as_good_as_none(
    redis_url: str, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    await worker.announce()
    live = worker.broker.live_functions
    record = worker.broker.keys.worker("arq:queue", worker.name)
    with valkey_server.client() as client:
        for odd in (b"[]", b"1", b'{"catalogue": [1]}', b"{"):
            client.set(record, b"1 " + odd)
            assert await live.find("f", "arq:queue") is Availability.UNPUBLISHED


async def test_a_full_redis_is_503_and_reads_go_on(make_server: Any) -> None:
    full = make_server("redis", maxmemory="3mb")
    async with running_gateway(full.url) as gateway:
        assert (await gateway.post("/jobs/add", {"job_id": "first"}))[0] == 202
        statuses = set()
        for _ in range(20):
            status, problem, _ = await gateway.post("/jobs/add", {"args": ["x" * 500_000]})
            statuses.add((status, problem.get("code")))
        assert (503, "queue-full") in statuses
        assert {status for status, _ in statuses} <= {202, 503}
        assert (await gateway.get("/jobs/first/status"))[0] == 200


async def test_a_queue_name_that_is_another_kind_of_key_is_no_5xx(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        client.set("sessions", "x")
        status, problem, _ = await gateway.post("/jobs/add", {"queue": "sessions", "job_id": "a"})
        assert (status, problem["code"]) == (422, "invalid-request")
        with pytest.raises(redis.ResponseError):
            client.zcard("sessions")
        assert not client.exists("arq:job:a")


@pytest.mark.parametrize("rule", ["~arq:* -config", "allkeys -evalsha -eval"])
async def test_what_redis_refuses_to_the_gateway_is_not_blamed_on_the_queue(
    rule: str, make_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = make_server("valkey")
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "gw", "on", ">pw", "allchannels", "+@all", "allkeys")
    async with running_gateway(server.url.replace("://", "://gw:pw@")) as gateway:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "gw", "resetkeys", *rule.split())
        status, problem, _ = await gateway.post("/jobs/add", {"queue": "mail"})
        assert (status, problem["code"]) == (503, "misconfigured")
        logged = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert [line for line in logged if problem["instance"] in line]
        assert "mail" not in problem["detail"]
        assert "NOPERM" not in str(problem)


async def test_results_that_the_gateway_cannot_read_are_410(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        client.set("arq:result:odd", b"\xc1 no such codec")
    for path in ("/jobs/odd/result", "/jobs/odd/result?wait=1"):
        status, problem, _ = await gateway.get(path)
        assert (status, problem["code"]) == (410, "unreadable-result")
    status, job, _ = await gateway.get("/jobs/odd/status")
    assert (status, job["status"], job["function"]) == (200, "complete", None)


async def test_pickles_are_read_without_running_them(redis_url: str, tmp_path: Any) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return open, (str(tmp_path / "canary"), "w")

    async with running_gateway(redis_url, serializer="pickle") as gateway:
        result = {"t": 1, "f": "f", "a": (), "k": {}, "et": 1, "s": True, "r": Evil(), "st": 1, "ft": 2}
        with redis.Redis.from_url(redis_url) as client:
            client.set("arq:result:evil", pickle.dumps(result))
            client.set("arq:result:good", pickle.dumps({**result, "r": {"a": (1, b"x")}}))
        assert (await gateway.get("/jobs/evil/result"))[0] < 500
        assert not (tmp_path / "canary").exists()
        assert (await gateway.get("/jobs/good/result"))[1]["result"] == {"a": [1, "eA=="]}
