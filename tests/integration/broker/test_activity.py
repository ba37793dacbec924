"""Counters by function and minute, and notices for those who listen."""

import asyncio
from collections import Counter
from contextlib import aclosing

import pytest

from harness.jobs.leases import claimed
from harness.jobs.records import request_of, result
from harness.servers.redis_server import RedisServer
from jobgate.broker import Broker, FunctionActivity
from jobgate.broker.waiting import JobNotice, NoticeKind

QUEUE = "arq:queue"


@pytest.fixture(autouse=True)
def _empty(valkey_server: RedisServer) -> None:
    valkey_server.reset()


async def counts(broker: Broker) -> dict[str, FunctionActivity]:
    """What the last two minutes have in all."""
    found: dict[str, Counter[str]] = {}
    for minute in await broker.activity(QUEUE, minutes=2):
        for name, one in minute.functions.items():
            mine = found.setdefault(name, Counter())
            mine.update({kind: getattr(one, kind) for kind in FunctionActivity.__dataclass_fields__})
    return {name: FunctionActivity(**mine) for name, mine in found.items()}


async def story(broker: Broker) -> None:
    """One job succeeds at its second try, one is aborted, one waits."""
    await broker.enqueue_many([request_of("add", job_id=one) for one in "ab"])
    await broker.enqueue(request_of("other", job_id="c", defer_by=100))
    (job,) = await claimed(broker)
    await broker.retry(job.lease, function="add", defer=0, score_ms=job.score_ms)
    again = None
    while again is None:  # it is due again in the next millisecond
        due = {one.lease.job_id: one for one in await claimed(broker, 5)}
        again = due.get(job.lease.job_id)
    await broker.finish(again.lease, result(again.lease.job_id), keep=60)
    await broker.abort("c")


async def test_what_happens_is_counted(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        await story(broker)
        assert await counts(broker) == {
            "add": FunctionActivity(enqueued=2, succeeded=1, retried=1),
            "other": FunctionActivity(enqueued=1, aborted=1),
        }
        assert len(await broker.activity(QUEUE, minutes=60)) == 60
    with server.client() as client:
        (key, *_) = client.scan_iter(match="*:job-activity:*")
        assert 7000 < client.ttl(key) <= 7200


async def test_names_that_callers_make_up_are_bounded(valkey_server: RedisServer) -> None:
    async with Broker(valkey_server.url) as broker:
        await broker.enqueue_many([request_of(f"f{number}") for number in range(2500)])
        await broker.enqueue(request_of("x" * 129))
        found = await counts(broker)
        assert len(found) <= 2 * 2002, "those of two minutes"
        assert sum(one.enqueued for one in found.values()) == 2501
        assert found[""].enqueued >= 1


async def test_many_counters_of_several_queues_are_read_in_steps(valkey_server: RedisServer) -> None:
    async with Broker(valkey_server.url) as broker:
        for queue, count in (("a", 1100), ("b", 0), ("c", 1200), ("d", 3)):
            await broker.enqueue_many([request_of(f"f{number}", queue=queue) for number in range(count)])
        found = await broker.activities(["a", "b", "c", "d"], minutes=3)
        assert [len(minutes) for minutes in found] == [3] * 4
        assert len({minutes[-1].minute_ms for minutes in found}) == 1
        counted = [
            sum(each.enqueued for one in minutes for each in one.functions.values()) for minutes in found
        ]
        assert counted == [1100, 0, 1200, 3]
        assert await broker.activities([]) == []


@pytest.mark.parametrize("damage", ["string", "field"])
async def test_a_damaged_counter_spoils_itself_alone(valkey_server: RedisServer, damage: str) -> None:
    async with Broker(valkey_server.url) as broker:
        await broker.enqueue(request_of("add"))
        with valkey_server.client() as client:
            for key in list(client.scan_iter(match="*:job-activity:*")):
                if damage == "string":
                    client.set(key, "x")
                else:
                    client.hset(key, mapping={"enqueued add": "x", "junk": "5", "failed other": "-3"})
                    client.hset(key, "failed huge", "9" * 30)
        assert (await broker.enqueue(request_of("add"))).created
        counted = await counts(broker)
        assert all(one.enqueued in (0, 1) and not one.failed for one in counted.values())


async def test_notices_reach_those_who_listen(server: RedisServer) -> None:
    seen: list[JobNotice] = []
    async with Broker(server.url) as broker, Broker(server.url) as listener:
        await broker.enqueue(request_of("add", job_id="0"))
        async with asyncio.timeout(10), aclosing(listener.events([QUEUE, "mail"])) as notices:
            assert (await anext(notices)).kind is NoticeKind.GAP
            await story(broker)
            await broker.enqueue(request_of("add", job_id="m", queue="mail"))
            async for notice in notices:
                seen.append(notice)
                if notice.queue == "mail":
                    break
    told = Counter((notice.kind.value, one) for notice in seen for one in notice.job_ids)
    assert told["enqueued", "a"] == told["enqueued", "c"] == told["finished", "c"] == 1
    assert told["started", "0"] == 2
    assert told["retried", "0"] == told["finished", "0"] == 1
    assert seen[-1] == JobNotice(NoticeKind.ENQUEUED, "mail", ["m"])


async def test_nothing_is_published_where_nobody_listens(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        with server.client() as client, client.pubsub() as pubsub:
            pubsub.subscribe("arq:queue:job-notices")
            assert pubsub.get_message(timeout=5) is not None  # that it is subscribed
            await story(broker)
            client.publish("arq:queue:job-notices", "end")
            message = pubsub.get_message(timeout=5)
            assert message is not None
            assert message["data"] == b"end"


async def test_a_lost_line_is_a_gap(server: RedisServer) -> None:
    async with (
        Broker(server.url) as listener,
        asyncio.timeout(10),
        aclosing(listener.events([QUEUE])) as notices,
    ):
        await anext(notices)
        with server.client() as client:
            client.client_kill_filter(_type="pubsub")
        assert (await anext(notices)).kind is NoticeKind.GAP
