"""A script that Redis stops halfway: what it has written stays, so no answer says that nothing was done."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis

from harness.jobs.database import Content, Expiring, seed
from harness.jobs.records import lease, result
from harness.servers.redis_server import RedisServer
from jobgate.broker import (
    Broker,
    BrokerError,
    ClaimedJob,
    JobRequest,
    WriteInDoubt,
)
from jobgate.broker.scripts import script

QUEUE, DAY = "arq:queue", 86_400
BODY = '{"t":null,"f":"add","a":[1],"k":{},"et":1000,"jobgate":{"q":"arq:queue","rt":"r1"}}'
WAITING: Content = {
    QUEUE: {"a": -60, "b": -60},
    **{f"arq:job:{one}": Expiring(BODY, DAY) for one in "ab"},
    "arq:abort": {"a": -90, "b": -90},
}
RUNNING: Content = {
    **WAITING,
    QUEUE: {"a": 10, "b": 10},
    **{f"arq:in-progress:{one}": Expiring("w:1", 10) for one in "ab"},
    **{f"arq:retry:{one}": Expiring(2, DAY) for one in "ab"},
}
Call = Callable[[Broker], Awaitable[list[Any]]]


async def each(*calls: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


def for_both(call: Callable[[Broker, str], Awaitable[Any]]) -> Call:
    return lambda broker: each(*(call(broker, one) for one in "ab"))


def enqueue(broker: Broker, job_id: str) -> Awaitable[Any]:
    return broker.enqueue(JobRequest(function="add", job_id=job_id, first_try=2))


def claimed(job_id: str) -> ClaimedJob:
    return ClaimedJob(lease=lease(job_id), score_ms=5000, body=None, body_expires_ms=4_000_000_000_000)


#: For each script: what is there before, the calls, and a command that it needs after its first write.
CASES: dict[str, tuple[Content, Call, str]] = {
    "enqueue": ({}, for_both(enqueue), ""),
    "claim": (
        WAITING,
        lambda broker: each(broker.claim(QUEUE, 5, worker_id="w", token="w:1", lease=60)),
        "zadd",
    ),
    "finish": (
        RUNNING,
        for_both(lambda broker, one: broker.finish(lease(one), result(one), keep=60)),
        "set",
    ),
    "abort": (WAITING, for_both(lambda broker, one: broker.abort(one, keep=60)), "zrem"),
    "retry": (
        RUNNING,
        for_both(lambda broker, one: broker.retry(lease(one), defer=100, score_ms=5000)),
        "set",
    ),
    "release": (RUNNING, lambda broker: each(broker.release([claimed(one) for one in "ab"])), "pexpireat"),
}


@pytest.fixture
def limited(server: RedisServer) -> Iterator[redis.Redis]:
    """A client of an administrator, beside whom jobgate is the user `limited`."""
    with server.client() as client:
        yield client
        ask(client, "ACL", "DELUSER", "limited")


def ask(client: redis.Redis, *words: str) -> Any:
    return client.execute_command(*words)  # type: ignore[no-untyped-call]


def limit(client: redis.Redis, *rules: str) -> None:
    ask(client, "ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "&*", "+@all", *rules)


def url_of(server: RedisServer) -> str:
    return server.url.replace("redis://", "redis://limited:secret@")


def whole(client: redis.Redis) -> dict[bytes, Any]:
    return {key: client.dump(key) for key in client.scan_iter(count=1000)}


def commands_of(name: str) -> set[str]:
    found = re.findall(r"\b(?:p?call|read)\('([A-Z]+)'", script(name).source)
    return {command.lower() for command in found}


@pytest.mark.parametrize("name", CASES)
async def test_a_missing_right_never_reads_as_nothing_done(
    name: str, server: RedisServer, limited: redis.Redis
) -> None:
    before, call, needed = CASES[name]
    stopped = set()
    limit(limited)
    async with Broker(url_of(server)) as broker:
        for command in sorted(commands_of(name)):
            limited.flushdb()
            seed(limited, before)
            seeded = whole(limited)
            limit(limited, f"-{command}")
            answers = await call(broker)
            errors = [answer for answer in answers if isinstance(answer, BaseException)]
            if whole(limited) != seeded:
                assert all(isinstance(error, WriteInDoubt) for error in errors), (command, errors)
                assert all("halfway" in str(error) for error in errors), (command, errors)
                stopped |= {command} if errors else set()
            assert all(isinstance(error, BrokerError) for error in errors), (command, errors)
    assert needed in stopped or not needed


async def test_each_item_of_a_batch_is_unknown(server: RedisServer, limited: redis.Redis) -> None:
    others = [f"~arq:{name}" for name in ("queue*", "abort", "result:*", "retry:*", "job:a")]
    limit(limited, "resetkeys", *others)
    async with Broker(url_of(server)) as broker:
        first, second = await each(enqueue(broker, "a"), enqueue(broker, "b"))
        assert limited.exists("arq:job:a")
        assert isinstance(first, WriteInDoubt)
        assert isinstance(second, WriteInDoubt)


async def test_a_queue_that_may_not_be_written_gets_no_half_a_job(
    server: RedisServer, limited: redis.Redis
) -> None:
    limit(limited, "-zadd")
    async with Broker(url_of(server)) as broker:
        (refused,) = await each(enqueue(broker, "a"))
        assert isinstance(refused, BrokerError)
        assert whole(limited) == {}
        limit(limited)
        assert (await broker.enqueue(JobRequest(function="add", job_id="a"))).created


async def test_renewals_say_it_too(server: RedisServer, limited: redis.Redis) -> None:
    limit(limited, "-pexpire")
    seed(limited, RUNNING)
    async with Broker(url_of(server)) as broker:
        renewer = broker.lease_renewer()
        try:
            with pytest.raises(WriteInDoubt, match="halfway"):
                await asyncio.to_thread(renewer.renew, [lease("a"), lease("b")], lease=60)
        finally:
            renewer.close()
