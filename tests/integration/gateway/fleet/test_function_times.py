"""`/functions/{function}/times`: how long jobs run and wait, from what workers have counted."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import redis

from harness.documents.api_document import api_document
from harness.hostile.spoilt_keys import KINDS, spoil
from harness.servers.losing_proxy import proxy_to
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, functions_known, running_gateway
from harness.systems.workers import working
from harness.waiting import eventually_async
from jobgate.broker import TIME_BOUNDS, Broker, FunctionTimes, quantile
from jobgate.broker.scripts import script
from jobgate.gateway import new_key
from jobgate.worker import Retry, func
from jobgate.worker.history import TimesWriter

SIZE = len(TIME_BOUNDS) + 1
DOCUMENT = api_document()


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


def buckets(**counts: int) -> tuple[int, ...]:
    """Return buckets with counts, as `at5=3`."""
    return tuple(counts.get(f"at{place}", 0) for place in range(SIZE))


async def times(gateway: RunningGateway, function: str = "f", **options: Any) -> Any:
    status, found, _ = await gateway.get(f"/functions/{function}/times", **options)
    assert status == 200, found
    schema = {**DOCUMENT, "$ref": "#/components/schemas/FunctionTimes"}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(found)
    return found


async def test_a_worker_adds_what_it_has_counted_once(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.worker.history.times_writer._INTERVAL", 0.05)

    async def again(ctx: dict[str, Any]) -> None:
        await asyncio.sleep(0.03)
        if ctx["job_try"] == 1:
            raise Retry(defer=0)

    async with running_gateway(redis_url) as gateway:
        for _ in range(2):  # the second worker begins with counts of its own
            async with working([func(again, name="again")], redis_url):
                for _ in range(3):
                    assert (await gateway.post("/jobs/again?wait=30", {}))[0] == 200

                async def counted() -> bool:
                    return bool((await times(gateway, "again"))["last_hour"]["run"]["count"] >= 6)

                await eventually_async(counted, what="the times")
        found = await times(gateway, "again")
    hour = found["last_hour"]
    assert (hour["run"]["count"], hour["wait"]["count"]) == (12, 12), "each try is counted once"
    assert sum(hour["run"]["buckets"][:5]) == 0, "none was faster than 25 ms"
    assert hour["run"]["p50"] >= 0.025
    assert hour["run"]["p50"] <= hour["run"]["p95"] <= hour["run"]["p99"]
    assert found["outcomes"] == {"enqueued": 6, "succeeded": 6, "failed": 0, "aborted": 0, "retried": 6}
    assert found["day_before"]["run"]["count"] == 0
    assert found["series"]["count"][-2] + found["series"]["count"][-1] == 12
    assert len(found["series"]["count"]) == 144


async def test_the_last_counts_of_a_worker_are_added_at_its_end(redis_url: str) -> None:
    async def quick(ctx: object) -> None:
        pass

    async with running_gateway(redis_url) as gateway:
        async with working([func(quick, name="quick")], redis_url):
            await gateway.post("/jobs/quick?wait=30", {})
        assert (await times(gateway, "quick"))["last_hour"]["run"]["count"] == 1


async def test_times_whose_answer_is_lost_are_counted_once(
    broker: Broker, valkey_server: RedisServer
) -> None:
    one = FunctionTimes(buckets(at3=1), buckets(at0=1))
    await broker.add_times({"other": one})  # Redis knows the script
    counted: dict[str, FunctionTimes] = {}
    async with proxy_to(valkey_server.port) as proxy, Broker(proxy.url) as behind:
        writer = TimesWriter(behind, lambda: counted)
        counted["f"] = one
        proxy.lose_answer_to(script("add_times").sha.encode())
        await writer.stop()  # it writes the rest
        proxy.reopen()
        await writer.stop()
    assert proxy.lost
    _, windows = await broker.function_times("f")
    assert sum(windows[-1].run) + sum(windows[-2].run) == 1


async def test_the_hour_and_the_day_before_are_told_apart(
    gateway: RunningGateway, broker: Broker, redis_url: str
) -> None:
    await broker.add_times({"f": FunctionTimes(buckets(at8=3), buckets(at0=3))})
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.keys("arq:queue:function-times:*")
        now = int(key.rpartition(b":")[2])
        client.hset(f"arq:queue:function-times:{now - 5}", "ri f", 1)
        client.hset(f"arq:queue:function-times:{now - 6}", "rf f", 10)
        client.hset(f"arq:queue:function-times:{now - 143}", "rf f", 10)
        client.hset(f"arq:queue:function-times:{now - 144}", "rf f", 10)
        assert 86_000 < client.ttl(key) <= 87_000
    found = await times(gateway)
    assert [found[span]["run"]["count"] for span in ("last_hour", "day_before")] == [4, 20]
    assert (found["last_hour"]["run"]["p50"], found["day_before"]["run"]["p50"]) == (0.375, 0.0375)
    assert found["series"]["count"][0] == 10
    assert found["series"]["run_p50"][1] is None


async def test_a_function_that_nobody_has_run_has_no_times(redis_url: str, worker: PlayedWorker) -> None:
    await worker.announce()
    async with running_gateway(redis_url) as gateway:
        found = await times(gateway, "add")
        assert found["last_hour"]["run"] == {
            "count": 0, "p50": None, "p95": None, "p99": None, "buckets": [0] * SIZE,
        }  # fmt: skip
        assert (await gateway.get("/functions/1/times"))[0] == 422
        status, problem, _ = await gateway.get("/functions/send_invoices/times")
    assert (status, problem["code"], problem["near"]) == (404, "unknown-function", ["send_invoice"])


async def test_a_function_that_is_not_offered_any_more_still_has_its_numbers(
    gateway: RunningGateway, broker: Broker
) -> None:
    assert (await gateway.get("/functions/f/times"))[0] == 404
    await gateway.post("/jobs/f", {})
    assert (await times(gateway))["outcomes"]["enqueued"] == 1
    await broker.add_times({"g": FunctionTimes(buckets(), buckets(at0=1))})
    assert (await times(gateway, "g"))["last_hour"]["wait"]["count"] == 1
    assert (await gateway.get("/functions/1/times"))[0] == 422


async def test_what_others_have_written_breaks_nothing(
    gateway: RunningGateway, worker: PlayedWorker, broker: Broker, redis_url: str
) -> None:
    await worker.announce()
    await functions_known(gateway)
    counted = {"add": FunctionTimes(buckets(at0=1), buckets())}
    await broker.add_times(counted)
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.keys("arq:queue:function-times:*")
        for odd in (b"x", b"-1", b"9" * 13, b"\xff"):
            client.hset(key, "rb add", odd)
            assert (await times(gateway, "add"))["last_hour"]["run"]["count"] == 1
            await broker.add_times({"add": FunctionTimes(buckets(at1=1), buckets())})
            client.hdel(key, "rb add")
        for kind in KINDS:
            spoil(client, key.decode(), kind)
            await broker.add_times(counted)
            await times(gateway, "add")


async def test_a_window_has_so_many_fields_and_no_more(broker: Broker, redis_url: str) -> None:
    one = FunctionTimes(buckets(at0=1), buckets(at0=1))
    for start in range(0, 1500, 300):
        await broker.add_times({f"f{number}": one for number in range(start, start + 300)})
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.keys("arq:queue:function-times:*")
        assert client.hlen(key) == 2000
    await broker.add_times({"f0": one})
    _, windows = await broker.function_times("f0")
    assert sum(windows[-1].run) + sum(windows[-2].run) == 2, "known fields are still counted"


async def test_a_function_whose_buckets_do_not_all_fit_has_no_times(broker: Broker, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        await broker.add_times({"f": FunctionTimes(buckets(at0=9), buckets(at0=9))})
        (key,) = client.keys("arq:queue:function-times:*")
        client.hset(key, mapping={f"ra other{number}": 1 for number in range(1997)})
        for _ in range(2):
            await broker.add_times({"f": FunctionTimes(buckets(at5=1, at8=1, at9=1), buckets())})
            _, windows = await broker.function_times("f")
            assert sum(windows[-1].run) + sum(windows[-2].run) == 0, "not only the fast ones"
        assert client.hlen(key) <= 2000
        await broker.add_times({"g": FunctionTimes(buckets(at0=1), buckets())})
    _, windows = await broker.function_times("g")
    assert sum(windows[-1].run) + sum(windows[-2].run) == 1, "there is room again"


async def test_who_may_see_times(broker: Broker, redis_url: str, tmp_path: Path) -> None:
    await PlayedWorker(broker, "f", "g").announce()
    entries = [("read",), ("read:*",), ("operate", "enqueue:f")]
    made = [new_key(f"key{number}", scopes) for number, scopes in enumerate(entries)]
    (tmp_path / "keys.toml").write_text("".join(entry for _, entry in made))
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway:
        path = "/functions/f/times"
        found = [(await gateway.get(path))[0]]
        for key, _ in made:
            headers = {"Authorization": f"Bearer {key}"}
            found += [(await gateway.get(p, headers=headers))[0] for p in (path, "/functions/g/times")]
    assert found == [401, 403, 403, 200, 200, 200, 200]


def test_quantiles_lie_in_the_right_bucket() -> None:
    assert quantile(buckets(), 0.5) is None
    assert quantile(buckets(at0=1), 0.5) == pytest.approx(0.0005)
    assert quantile(buckets(at8=10), 0.5) == pytest.approx(0.375)
    assert quantile(buckets(at0=98, at9=2), 0.99) == pytest.approx(0.75)
    assert quantile(buckets(at0=50, at9=50), 0.5) == pytest.approx(0.001)
    assert quantile({**dict.fromkeys(range(SIZE), 0), 21: 3}.values(), 0.5) == 1800  # type: ignore[arg-type]


async def test_reading_a_day_takes_redis_little_time(broker: Broker, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        now = int(time.time()) // 600
        fields = {f"{kind}{chr(97 + at)} f{n}": 5 for n in range(40) for kind in "rw" for at in range(22)}
        for window in range(now - 144, now + 1):
            client.hset(f"arq:queue:function-times:{window}", mapping=fields)
        await broker.function_times("f7")
        client.config_resetstat()
        for _ in range(10):
            await broker.function_times("f7")
        usec = client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"]
    assert usec < 20_000, json.dumps(usec)
