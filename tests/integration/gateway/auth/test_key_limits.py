"""The limits of a key, and clients with wrong keys."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.gateway import new_key


def keys_file(path: Path, **limits: dict[str, float]) -> tuple[Path, dict[str, dict[str, str]]]:
    """Write a keys file with these callers and their limits; return it, and the headers of each caller."""
    headers, text = {}, ""
    for name, limit in limits.items():
        key, entry = new_key(name, ("enqueue:*", "read"), limits=limit)
        headers[name] = {"Authorization": f"Bearer {key}"}
        text += entry
    file = path / "keys.toml"
    file.write_text(text)
    return file, headers


def counted(client: redis.Redis, caller: str) -> Any:
    """Return how many waits of a caller are counted for all gateways."""
    return client.zcard(f"arq:queue:waits:{caller}")


async def test_wrong_keys_are_slowed_by_address_and_valid_ones_are_not(
    redis_url: str, tmp_path: Path
) -> None:
    key, entry = new_key("shop", ("read",))
    path = tmp_path / "keys.toml"
    path.write_text(entry)
    options = {"keys_file": path, "trusted_proxies": ("127.0.0.1",)}

    def sent(key: str, address: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}", "X-Forwarded-For": address}

    async with running_gateway(redis_url, **options) as gateway:
        answers = [await gateway.get("/jobs", headers=sent("wrong", "192.0.2.1")) for _ in range(25)]
        assert [status for status, _, _ in answers] == [401] * 20 + [429] * 5
        _, problem, headers = answers[-1]
        assert (problem["code"], problem["retryable"]) == ("too-many-bad-keys", True)
        assert 1 <= int(headers["Retry-After"]) <= 3
        assert (await gateway.get("/jobs", headers=sent(key, "192.0.2.1")))[0] == 200
        assert (await gateway.get("/jobs", headers=sent("wrong", "192.0.2.2")))[0] == 401
        assert (await gateway.get("/jobs"))[0] == 401  # no key is no wrong key
        async with running_gateway(redis_url) as without_keys:
            assert (await without_keys.get("/jobs", headers=sent("wrong", "192.0.2.1")))[0] == 200


async def test_a_key_has_its_own_largest_body(redis_url: str, tmp_path: Path) -> None:
    small, small_entry = new_key("small", ("enqueue:*",), limits={"max_body": 1000})
    large, large_entry = new_key("large", ("enqueue:*",), limits={"max_body": 3000})
    other, other_entry = new_key("other", ("enqueue:*",))
    path = tmp_path / "keys.toml"
    path.write_text(small_entry + large_entry + other_entry)

    async with running_gateway(redis_url, keys_file=path, max_body=2000) as gateway:

        async def status_of(key: str, size: int) -> tuple[int, str]:
            body = b'{"args":["%s"]}' % (b"x" * (size - 13))
            assert len(body) == size
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            status, answer, _ = await gateway.ask("POST", "/jobs/f", data=body, headers=headers)
            return status, answer.get("detail", "")

        too_large = "A body may have at most {} bytes."
        assert await status_of(small, 1000) == (202, "")
        assert await status_of(small, 1001) == (413, too_large.format(1000))
        assert await status_of(large, 3000) == (202, "")
        assert await status_of(large, 3001) == (413, too_large.format(3000))
        assert await status_of(other, 2000) == (202, "")
        assert await status_of(other, 2001) == (413, too_large.format(2000))


async def test_the_waits_of_a_key_are_counted_over_all_gateways(server: RedisServer, tmp_path: Path) -> None:
    file, sent = keys_file(tmp_path, shop={"waits": 3}, other={})
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(running_gateway(server.url, keys_file=file)) for _ in range(3)
        ]
        client = stack.enter_context(server.client())

        async def count_is(count: int) -> None:
            async def is_so() -> bool:
                return bool(counted(client, "shop") == count)

            await eventually_async(is_so, what=f"{count} counted waits")

        for name in ("shop", "other"):
            await gateways[0].post("/jobs/f", {"job_id": f"job-{name}"}, headers=sent[name])

        def wait(gateway: RunningGateway, name: str) -> "asyncio.Task[tuple[int, Any, Any]]":
            path = f"/jobs/job-{name}/result?wait=30"
            return asyncio.create_task(gateway.get(path, headers=sent[name]))

        waiting = [wait(gateway, "shop") for gateway in gateways]
        await count_is(3)
        for gateway in gateways:
            status, problem, headers = await wait(gateway, "shop")
            assert (status, problem["code"], headers["Retry-After"]) == (429, "too-many-waits", "1")
            refused = await gateway.post("/jobs/f?wait=5", {"job_id": "never"}, headers=sent["shop"])
            assert (refused[0], refused[1]["code"]) == (429, "too-many-waits")
        assert not client.exists("arq:job:never")
        others = [wait(gateway, "other") for gateway in gateways]
        assert counted(client, "other") == 0  # it has no limit of its own

        waiting[0].cancel()  # the client hangs up
        await count_is(2)
        again = wait(gateways[1], "shop")
        await count_is(3)
        for gateway in gateways:
            gateway.stop.set()  # ends all waits
        answers = await asyncio.gather(*waiting[1:], again, *others)
        assert [status for status, _, _ in answers] == [202] * 6
        await count_is(0)


async def test_a_damaged_count_of_waits_stops_nobody(server: RedisServer, tmp_path: Path) -> None:
    file, sent = keys_file(tmp_path, shop={"waits": 1})
    async with running_gateway(server.url, keys_file=file) as gateway:
        with server.client() as client:
            client.set("arq:queue:waits:shop", "nonsense")
            for _ in range(2):
                status, _, _ = await gateway.post("/jobs/f?wait=0.05", {}, headers=sent["shop"])
                assert status == 202
            assert client.get("arq:queue:waits:shop") == b"nonsense"


async def test_waits_that_cannot_be_counted_are_limited_by_each_gateway(
    server: RedisServer, tmp_path: Path
) -> None:
    """Redis refuses the count alone; a wait is no 5xx for that."""
    file, sent = keys_file(tmp_path, shop={"waits": 1})
    with server.client() as client:
        client.acl_setuser("limited", enabled=True, passwords=["+secret"], keys=["*"], channels=["*"],
                           commands=["+@all", "-zremrangebyscore"])  # fmt: skip
        url = server.url.replace("redis://", "redis://limited:secret@")
        async with running_gateway(url, keys_file=file) as gateway:
            await gateway.post("/jobs/f", {"job_id": "a"}, headers=sent["shop"])
            asked = [gateway.get("/jobs/a/result?wait=1", headers=sent["shop"]) for _ in range(3)]
            assert sorted(status for status, _, _ in await asyncio.gather(*asked)) == [202, 429, 429]
        client.acl_deluser("limited")


RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


async def test_a_rate_is_shared_by_all_gateways_and_said_in_headers(redis_url: str, tmp_path: Path) -> None:
    file, sent = keys_file(tmp_path, shop={"rate": 0.01, "burst": 10}, other={})
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(running_gateway(redis_url, keys_file=file)) for _ in range(3)
        ]

        def post(gateway: RunningGateway, name: str, **document: Any) -> Any:
            return gateway.post("/jobs/f", document, headers=sent[name])

        _, _, first = await post(gateways[0], "shop", job_id="first")
        assert [first[name] for name in RATE_HEADERS] == ["10", "9", "100"]
        answers = await asyncio.gather(*(post(gateways[number % 3], "shop") for number in range(30)))
        assert sorted(status for status, _, _ in answers) == [202] * 9 + [429] * 21
        left = sorted(int(headers["RateLimit-Remaining"]) for status, _, headers in answers if status == 202)
        assert left == list(range(9))
        for status, problem, headers in answers:
            if status == 429:
                assert (problem["code"], problem["retryable"]) == ("rate-limited", True)
                assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == ("10", "0")
                assert 90 <= int(headers["Retry-After"]) <= 100
                assert 900 <= int(headers["RateLimit-Reset"]) <= 1000

        status, problem, _ = await post(gateways[1], "shop", job_id="first")
        assert (status, problem["code"]) == (409, "job-exists")  # what exists is said, and costs nothing
        status, _, headers = await post(gateways[1], "other")
        assert status == 202
        assert not set(RATE_HEADERS) & set(headers)


async def test_a_flood_gets_exactly_the_rate(server: RedisServer, tmp_path: Path) -> None:
    rate, burst = 100, 200
    file, sent = keys_file(tmp_path, shop={"rate": rate, "burst": burst})
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(running_gateway(server.url, keys_file=file)) for _ in range(3)
        ]
        client = stack.enter_context(server.client())

        def now() -> float:
            seconds, microseconds = time_of(client)
            return float(seconds + microseconds / 1e6)

        async def accepted(gateway: RunningGateway, jobs: int) -> int:
            document = {"jobs": [{"function": "f"}] * jobs}
            _, answer, _ = await gateway.post("/jobs", document, headers=sent["shop"])
            return sum(one["status"] == 202 for one in answer["results"])

        async def flood(gateway: RunningGateway, until: float) -> int:
            found = 0
            while now() < until:
                found += await accepted(gateway, 30)
                await asyncio.sleep(0.02)  # still ten times the rate
            return found

        earliest = now()
        total = await accepted(gateways[0], burst)
        latest = now()
        total += sum(await asyncio.gather(*(flood(each, latest + 1) for each in gateways)))
        before = now()
        total += await accepted(gateways[0], burst)  # whatever has piled up
        assert burst + (before - latest) * rate - 1 <= total <= burst + (now() - earliest) * rate + 1


def time_of(client: redis.Redis) -> Any:
    return client.time()


async def test_jobs_that_have_not_ended_are_counted_over_all_gateways(redis_url: str, tmp_path: Path) -> None:
    file, sent = keys_file(tmp_path, shop={"pending": 2}, other={})
    async with (
        running_gateway(redis_url, keys_file=file) as one,
        running_gateway(redis_url, keys_file=file) as two,
        Broker(redis_url) as broker,
    ):
        worker = PlayedWorker(broker, "f")

        async def status_of(gateway: RunningGateway, name: str = "shop") -> int:
            return (await gateway.post("/jobs/f", headers=sent[name]))[0]

        assert [await status_of(each) for each in (one, two, one)] == [202, 202, 429]
        _, problem, headers = await two.post("/jobs/f", headers=sent["shop"])
        assert (problem["code"], int(headers["Retry-After"]) >= 1) == ("too-many-pending", True)
        assert await status_of(one, "other") == 202
        await worker.run_one()
        assert [await status_of(each) for each in (two, one)] == [202, 429]


async def test_each_job_of_a_batch_counts(redis_url: str, tmp_path: Path) -> None:
    file, sent = keys_file(tmp_path, shop={"rate": 0.01, "burst": 3})
    jobs = [{"function": "f"} for _ in range(5)]
    async with running_gateway(redis_url, keys_file=file) as gateway:
        status, answer, headers = await gateway.post("/jobs", {"jobs": jobs}, headers=sent["shop"])
    assert status == 200
    assert [one["status"] for one in answer["results"]] == [202, 202, 202, 429, 429]
    assert answer["results"][4]["problem"]["code"] == "rate-limited"
    assert 90 <= answer["results"][4]["problem"]["retry_after"] <= 100
    assert headers["RateLimit-Remaining"] == "0"


@pytest.mark.parametrize("damage", ["nonsense", "-inf", "nan", "1e308", "9" * 400, "", "[]"])
async def test_a_damaged_rate_counts_as_none(server: RedisServer, tmp_path: Path, damage: str) -> None:
    file, sent = keys_file(tmp_path, shop={"rate": 0.01, "burst": 2, "pending": 5})
    async with running_gateway(server.url, keys_file=file) as gateway:
        await gateway.post("/jobs/f", headers=sent["shop"])
        with server.client() as client:
            written = [key for key in client.scan_iter() if b"shop" in key]
            assert len(written) == 2
            for key in written:
                client.delete(key)
                client.set(key, damage)
        answers = [(await gateway.post("/jobs/f", headers=sent["shop"]))[0] for _ in range(3)]
    assert answers == [202, 202, 429]
