"""Jobs that somebody else has damaged in Redis: each ends as lost, and nobody else notices."""

import logging
from typing import Any

import msgpack
import pytest
import redis

from harness.hostile.spoilt_keys import KINDS, spoil
from harness.jobs.records import request_of
from harness.systems.workers import burst, enqueue
from jobgate.broker import (
    AbortAnswer,
    Broker,
    Enqueued,
    FailureCode,
    InvalidJobRequest,
    JobRequest,
    JobStatus,
    codec_named,
)
from jobgate.worker import func

#: More than a worker takes at a time.
MANY = 25
#: Keys of a job, and what a claim cannot use in each.
DAMAGE = {
    "job": ("list", "zset"),
    "in-progress": ("list", "hash"),
    "retry": ("text", "huge number", "list"),
}
PLACES = [(family, kind) for family, kinds in DAMAGE.items() for kind in kinds]


async def add(ctx: dict[str, Any], a: int = 1, b: int = 1, **more: Any) -> int:
    return a + b


async def take(ctx: dict[str, Any], *values: Any) -> str:
    return "taken"


async def damaged(broker: Broker, client: redis.Redis, family: str, kind: str) -> list[str]:
    """Enqueue jobs that are due before all others, and spoil one key of each."""
    ids = [f"{family}-{kind}-{n}".replace(" ", "-") for n in range(MANY)]
    requests = [JobRequest(function="add", job_id=one, defer_until_ms=1000) for one in ids]
    assert all(isinstance(answer, Enqueued) for answer in await broker.enqueue_many(requests))
    for one in ids:
        spoil(client, f"arq:{family}:{one}", kind)
    return ids


@pytest.mark.parametrize(("family", "kind"), PLACES)
async def test_they_end_as_lost_and_the_others_are_run(redis_url: str, family: str, kind: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        async with Broker(redis_url) as broker:
            ids = await damaged(broker, client, family, kind)
            good = [await enqueue(broker, "add", 1, n) for n in range(3)]
            worker = await burst([add], redis_url, max_jobs=5)
            assert (worker.jobs_complete, worker.jobs_failed) == (len(good), MANY)
            results = [await broker.result(one) for one in ids]
            assert [result and result.failure and result.failure.code for result in results] == [
                FailureCode.LOST_BODY
            ] * MANY
            told = {result.function for result in results if result}
            assert told == ({"<unknown>"} if family == "job" else {"add"})
            assert [result and result.result for result in [await broker.result(one) for one in good]] == [
                1,
                2,
                3,
            ]

            assert client.zcard("arq:queue") == 0
            assert not [
                key for key in client.scan_iter() if not key.startswith((b"arq:result:", b"arq:queue:"))
            ]
            again = await burst([add], redis_url)
            assert (again.jobs_complete, again.jobs_failed) == (0, 0)


async def test_it_is_told_and_counted(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with redis.Redis.from_url(redis_url) as client, caplog.at_level(logging.INFO):
        async with Broker(redis_url) as broker:
            ids = await damaged(broker, client, "retry", "text")
            worker = await burst([add], redis_url)
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len([line for line in lines if "holds another type of value" in line]) == len(ids)
    assert 'outcome="lost-body"' in worker.metrics.exposition().decode()


async def test_one_that_is_given_back_stays_damaged(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        async with Broker(redis_url) as broker:
            await enqueue(broker, "add", job_id="a")
            client.set("arq:retry:a", "x")
            for n in range(3):
                claim = await broker.claim("arq:queue", 5, worker_id="w", token=f"w:{n}")
                assert [job.is_damaged for job in claim.jobs] == [True]
                await broker.release(claim.jobs)
                assert client.get("arq:retry:a") == b"x"


#: What a worker may find in place of its last claim; the token is that of the claim to come.
CLAIMS = {
    "no msgpack": b"\xc1\xc1",
    "cut off": msgpack.packb(["w:1", "a", "1", "1"])[:-1],
    "a map": msgpack.packb({1: "w:1", 2: "a"}),
    "a number": msgpack.packb(7),
    "numbers": msgpack.packb(["w:1", 1, 2, 3]),
    "lists": msgpack.packb(["w:1", ["a"], ["1"], ["1"]]),
    "nothing more": msgpack.packb(["w:1", "a"]),
    "no numbers": msgpack.packb(["w:1", "a", "x", "y"]),
    "an endless count": msgpack.packb(["w:1", "a", "1", "1e999"]),
    "deep": b"\x91" * 100_000,
}


@pytest.mark.parametrize("stored", [pytest.param(blob, id=name) for name, blob in CLAIMS.items()])
async def test_a_bad_record_of_the_last_claim_is_discarded(redis_url: str, stored: bytes) -> None:
    with redis.Redis.from_url(redis_url) as client:
        async with Broker(redis_url) as broker:
            await enqueue(broker, "add", job_id="a")
            client.set("arq:queue:claim:w", stored)
            found: list[str] = []
            for n in (1, 2):
                claim = await broker.claim("arq:queue", 5, worker_id="w", token=f"w:{n}")
                found += [job.lease.job_id for job in claim.jobs]
            assert found == ["a"]


async def test_one_that_cannot_be_sent_leaves_its_batch_alone(redis_url: str) -> None:
    bad: list[dict[str, Any]] = [
        {"defer_until_ms": 2**63},
        {"defer_until_ms": -(2**64)},
        {"first_try": 10**20},
        {"job_id": "\ud800"},
        {"queue": "\ud800"},
    ]
    requests = [request_of("add", **options) for option in bad for options in (option, {})]
    async with Broker(redis_url) as broker:
        answers = await broker.enqueue_many(requests)
        kinds = [InvalidJobRequest if n % 2 == 0 else Enqueued for n in range(len(requests))]
        assert [type(answer) for answer in answers] == kinds
        assert (await broker.queue_depth()).queued == len(bad)


#: Arguments that msgpack holds and JSON does not.
DEEP: Any = []
for _ in range(300):
    DEEP = [DEEP]
ARGUMENTS: dict[str, list[Any]] = {
    "bytes": [b"\xff"],
    "NaN": [float("nan")],
    "infinity": [float("inf")],
    "keys that are numbers": [{1: 2}],
    "depth 300": [DEEP],
}


def put(client: redis.Redis, job_id: str, args: list[Any], codec: str = "msgpack") -> None:
    fields: dict[str, Any] = {"t": None, "f": "add", "a": args, "k": {}, "et": 1_700_000_000_000}
    client.set(f"arq:job:{job_id}", codec_named(codec).dumps(fields))
    client.zadd("arq:queue", {job_id: 4e12})


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_abort_needs_no_arguments(redis_url: str, name: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        put(client, "a", ARGUMENTS[name])
        async with Broker(redis_url, codec="json") as broker:
            assert await broker.abort("a") is AbortAnswer.ABORTED
            result = await broker.result("a")
            assert result is not None
            assert result.failure is not None
            assert (result.function, result.failure.code) == ("add", FailureCode.ABORTED)
        assert client.zcard("arq:queue") == 0
        assert not client.exists("arq:job:a")


@pytest.mark.parametrize("kind", KINDS)
async def test_abort_needs_no_body(redis_url: str, kind: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        put(client, "a", [])
        spoil(client, "arq:job:a", kind)
        async with Broker(redis_url, codec="json") as broker:
            view = await broker.view("a")
            assert view is not None
            assert (view.status, view.body) == (JobStatus.DEFERRED, None)
            assert await broker.abort("a") is AbortAnswer.ABORTED
        assert not client.exists("arq:job:a")


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_a_success_is_kept_where_its_arguments_cannot_be(redis_url: str, name: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        put(client, "a", ARGUMENTS[name])
        client.zadd("arq:queue", {"a": 1})
    worker = await burst([func(take, name="add")], redis_url, serializer="json")
    assert worker.jobs_complete == 1
    async with Broker(redis_url) as broker:
        result = await broker.result("a")
        assert result is not None
        assert (result.success, result.result) == (True, "taken")
