"""`GET /failures`: what failed, by function and error."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from harness.forms import LONG
from harness.hostile.texts import HOSTILE_TEXTS
from harness.jobs.failed import Failing, write_failed
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from jobgate.broker import Broker, Failure, FailureCode
from jobgate.gateway import new_key


async def counted(gateway: RunningGateway, query: str = "", **options: Any) -> dict[str, Any]:
    """What is counted."""
    status, document, _ = await gateway.get(f"/failures?{query}".removesuffix("?"), **options)
    assert status == 200, document
    found: dict[str, Any] = document
    return found


def scripts_called(client: redis.Redis) -> int:
    """How many scripts the server has run."""
    stats: Any = client.info("commandstats")
    return int(stats["cmdstat_evalsha"]["calls"])


def brief(document: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(group["function"], group["error"]["type"], group["failed"]) for group in document["groups"]]


async def test_failures_of_all_queues_are_counted_by_function_and_error(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    kinds = [
        Failing(),
        Failing(queue="mail", message="later"),
        Failing(type="KeyError"),
        Failing(type="TimeoutError", code=FailureCode.TIMEOUT),
        Failing(code=FailureCode.ABORTED),
    ]
    async with Broker(valkey_server.url) as broker:
        await broker.note_queues(["mail"])
    with valkey_server.client() as client:
        newest = write_failed(client, kinds, 10, every_ms=1000)
        client.set("arq:queue:retried-as:f-0", "again")
    found = await counted(gateway)
    assert brief(found) == [("send", "ValueError", 4), ("send", "KeyError", 2), ("send", "TimeoutError", 2)]
    assert (found["failed"], found["retried"], found["other_groups"], found["next_cursor"]) == (8, 1, 0, "")
    first = found["groups"][0]
    assert first["error"] == {"type": "ValueError", "message": "later", "code": "error"}
    assert (first["job_id"], first["queue"], first["retried"]) == ("f-6", "mail", 1)
    last, oldest = (
        datetime.fromisoformat(first[name]).timestamp() * 1000 for name in ("last_time", "first_time")
    )
    assert (round(last), round(oldest)) == (newest - 3000, newest - 9000)
    assert [group["failed"] for group in (await counted(gateway, "code=aborted"))["groups"]] == [2]
    assert (await counted(gateway, "queue=mail"))["failed"] == 2
    assert brief(await counted(gateway, "error_type=KeyError")) == [("send", "KeyError", 2)]
    limited = await counted(gateway, "limit=1")
    assert (len(limited["groups"]), limited["other_groups"], limited["failed"]) == (1, 2, 8)


async def test_counts_over_time_cover_the_window(gateway: RunningGateway, valkey_server: RedisServer) -> None:
    with valkey_server.client() as client:
        newest = write_failed(client, [Failing()], 120, every_ms=60_000)
    found = await counted(gateway)
    (group,) = found["groups"]
    assert found["step"] == 120
    assert 60 <= len(group["series"]) <= 61
    assert sum(group["series"]) == 120
    since = datetime.fromtimestamp(newest / 1000 - 1800).astimezone().isoformat().replace("+", "%2B")
    found = await counted(gateway, f"since={since}")
    (group,) = found["groups"]
    assert (found["step"], sum(group["series"])) == (60, 31)
    assert len(group["series"]) in {31, 32}
    assert (await counted(gateway, "since=2000-01-01T00:00:00Z"))["failed"] == 120


async def test_real_failures_are_counted_and_found_by_their_type(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    async with Broker(valkey_server.url) as broker:
        worker = PlayedWorker(broker)
        for number, error in enumerate(["KeyError", "KeyError", "OSError"]):
            assert (await gateway.post("/jobs/send", {"job_id": f"j{number}"}))[0] == 202
            await worker.run_one(failure=Failure(type=error, message="of no use"))
    assert brief(await counted(gateway)) == [("send", "KeyError", 2), ("send", "OSError", 1)]
    _, page, _ = await gateway.get("/jobs?error_type=KeyError")
    assert [job["job_id"] for job in page["jobs"]] == ["j1", "j0"]
    dry = {"filter": {"error_type": "KeyError", "queue": "*"}, "dry_run": True}
    assert (await gateway.post("/bulk/retry", dry))[1]["matched"] == 2
    assert (await gateway.post("/bulk/abort", dry))[0] == 422


async def test_a_key_counts_the_failures_of_its_own_jobs(valkey_server: RedisServer, tmp_path: Path) -> None:
    valkey_server.reset()
    kinds = [Failing(owner="shop"), Failing(owner="other"), Failing(), Failing(type="KeyError", owner="shop")]
    with valkey_server.client() as client:
        write_failed(client, kinds, 8)
    scopes = {"shop": ("read",), "blind": ("enqueue:*",), "all": ("read:*",)}
    made = {name: new_key(name, allowed) for name, allowed in scopes.items()}
    keys_file = tmp_path / "keys.toml"
    keys_file.write_text("".join(entry for _, entry in made.values()))
    headers = {name: {"Authorization": f"Bearer {key}"} for name, (key, _) in made.items()}
    async with running_gateway(valkey_server.url, keys_file=keys_file) as gateway:
        found = await counted(gateway, headers=headers["shop"])
        assert brief(found) == [("send", "KeyError", 2), ("send", "ValueError", 2)]
        assert found["groups"][1]["job_id"] == "f-4"
        assert (await counted(gateway, headers=headers["all"]))["failed"] == 8
        assert (await gateway.get("/failures", headers=headers["blind"]))[0] == 403


async def test_names_that_mean_harm_are_counted_as_text(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    kinds = [Failing(function=text, type=text, message=text) for text in HOSTILE_TEXTS]
    with valkey_server.client() as client:
        write_failed(client, kinds, len(kinds) * 2)
    found = await counted(gateway, "limit=1000")
    assert found["failed"] == 2 * len(kinds)
    assert len(found["groups"]) == len({text[:200] for text in HOSTILE_TEXTS})
    assert all(group["error"]["message"] is not None for group in found["groups"])


async def test_what_is_not_a_note_spoils_no_count(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        write_failed(client, [Failing()], 6)
        client.set("arq:queue:failure-note:f-0", b"\xff")
        client.set("arq:queue:failure-note:f-1", '["a","b","none",null]')
        client.delete("arq:queue:failure-note:f-2")
        client.delete("arq:queue:failure-note:f-3")
        client.rpush("arq:queue:failure-note:f-3", "x")
        client.set("arq:queue:failure-note:f-4", '["a","b",["error"],null]')
        assert (await counted(gateway))["failed"] == 1
        client.delete("arq:queue:index:failed")
        client.set("arq:queue:index:failed", "x")
        assert (await counted(gateway))["failed"] == 0


async def test_odd_times_in_the_index_spoil_no_count_and_no_list(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        write_failed(client, [Failing()], 5)
        client.zadd("arq:queue:index:failed", {"f-0": 1e18, "f-1": "inf", "f-2": -1e18, "f-3": 1.5})
        found = await counted(gateway)
        assert found["failed"] == 5
        assert len(found["series"]) < 100
        assert datetime.fromisoformat(found["start"]).year == 1970
        _, page, _ = await gateway.get("/jobs?success=false")
        assert sorted(job["job_id"] for job in page["jobs"]) == [f"f-{number}" for number in range(5)]


async def test_jobs_that_failed_without_a_note_are_found(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    """As workers of an earlier release leave them: a bulk retry during a deployment must not miss them."""
    with valkey_server.client() as client:
        write_failed(client, [Failing(), Failing(type="KeyError", function="pay")], 6)
        client.delete(
            "arq:queue:failure-note:f-2", "arq:queue:failure-note:f-3", "arq:queue:failure-note:f-4"
        )
        client.delete("arq:result:f-4")
    for query, found in {
        "success=false": ["f-5", "f-3", "f-2", "f-1", "f-0"],
        "error_type=KeyError": ["f-5", "f-3", "f-1"],
        "code=error&function=send": ["f-2", "f-0"],
    }.items():
        _, page, _ = await gateway.get(f"/jobs?{query}")
        assert [job["job_id"] for job in page["jobs"]] == found, query
    assert (await counted(gateway))["failed"] == 3


#: A cursor that says "nan:x".
_NOT_A_TIME = "cursor=fbmFuOng"


@pytest.mark.parametrize(
    "query",
    ["cursor=wAAAA", "cursor=f", "cursor=fMQ", _NOT_A_TIME, "queue=%20", "error_type=", "x=1", "limit=0"],
)
async def test_a_query_that_makes_no_sense_is_refused(gateway: RunningGateway, query: str) -> None:
    status, problem, _ = await gateway.get(f"/failures?{query}")
    assert (status, problem["code"]) == (422, "invalid-request") if query != "cursor=f" else status == 200


async def test_many_failures_are_counted_in_time(gateway: RunningGateway, valkey_server: RedisServer) -> None:
    kinds = [Failing(function=f"f{number % 7}", type=f"E{number % 11}") for number in range(77)]
    number = 100_000 if LONG else 20_000
    with valkey_server.client() as client:
        write_failed(client, kinds, number)
    found = await counted(gateway)
    counts = found["failed"]
    assert counts > number / 10  # on a busy machine it is not all in the time that one request has
    with valkey_server.client() as client:
        before = scripts_called(client)
        assert await counted(gateway) == found
        assert scripts_called(client) - before < 20, "it was counted just now"
    while found["next_cursor"]:
        found = await counted(gateway, f"cursor={found['next_cursor']}")
        counts += found["failed"]
    assert counts == number


async def test_newer_failures_are_added_to_a_count_of_many(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        write_failed(client, [Failing(), Failing(queue="mail")], 3000)
        async with Broker(valkey_server.url) as broker:
            await broker.note_queues(["mail"])
        assert (await counted(gateway, "max_age=60"))["failed"] == 3000
        before = scripts_called(client)
        new = Failing(function="new", type="KeyError", message="just now")
        newest = write_failed(client, [new], 7, prefix="g")
        client.set("arq:queue:retried-as:f-7", "again")
        found = await counted(gateway, "max_age=60")
        assert scripts_called(client) - before < 8, "they are added"
        assert (found["failed"], found["retried"]) == (3007, 0)
        assert found["groups"][1]["function"] == "new"
        assert found["groups"][1]["error"]["message"] == "just now"
        client.copy("arq:queue:failure-note:g-6", "arq:queue:failure-note:h")
        client.zadd("arq:queue:index:failed", {"h": newest})  # in the same millisecond as the newest
        assert (await counted(gateway, "max_age=60"))["failed"] == 3008, "each once"
        found = await counted(gateway, "max_age=0")
        assert (found["failed"], found["retried"]) == (3008, 1)
        write_failed(client, [Failing()], 2001, every_ms=-1, prefix="i")
        assert (await counted(gateway, "max_age=60"))["failed"] == 5009, "too many: all are counted"
        assert (await counted(gateway, "max_age=60"))["retried"] == 1


async def test_the_newest_are_counted_alone_within_a_time(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        write_failed(client, [Failing()], 5000)
    first = await counted(gateway, "within=0.0001")
    assert 0 < first["failed"] < 5000
    rest = await counted(gateway, f"cursor={first['next_cursor']}")
    assert first["failed"] + rest["failed"] == 5000
    assert (await counted(gateway))["failed"] == 5000, "the first part is not shown again"
    for query in ("within=0", "within=3.1", "within=x", "max_age=-1", "max_age=3601", "max_age=1.5"):
        assert (await gateway.get(f"/failures?{query}"))[0] == 422, query


async def test_very_many_queues_are_read_in_small_pieces(
    gateway: RunningGateway, valkey_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.broker.listing.failure_tally._MOST", 1)
    queues = [f"q{number}" for number in range(200)]
    async with Broker(valkey_server.url) as broker:
        await broker.note_queues(queues)
    with valkey_server.client() as client:
        write_failed(client, [Failing(queue=queue) for queue in queues], 40_000, every_ms=1000)
    reads, failed_jobs = [], Broker.failed_jobs

    async def noted(*args: Any, **options: Any) -> Any:
        answer = await failed_jobs(*args, **options)
        reads.append(len(answer[0]))
        return answer

    monkeypatch.setattr(Broker, "failed_jobs", noted)
    found = await counted(gateway)
    assert found["failed"] > 0
    assert found["next_cursor"]
    assert len(reads) >= len(queues), "each has been looked at"
    assert sum(reads) <= 25_000, "one round"
