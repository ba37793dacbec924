"""`GET /events?every=N`: what has changed, merged, at a cost that does not grow with what happens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.http.event_streams import EventReader, Seen, events_of
from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from jobgate.broker import Broker, Failure, JobRequest
from jobgate.broker.scripts import script
from jobgate.gateway import new_key

OTHER = "other:queue"
NO = Failure(type="ValueError", message="no")


@asynccontextmanager
async def changes_of(gateway: RunningGateway, query: str = "", **headers: str) -> AsyncIterator[EventReader]:
    """Open a stream, and yield it when it has begun."""
    async with events_of(gateway.session, f"{gateway.url}/events?every=1{query}", **headers) as reader:
        await reader.begun()
        yield reader


class Total:
    """What several events say together."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.ended: dict[str, Any] = {}

    def add(self, event: Seen) -> None:
        assert event.kind == "changes", event
        for one in event.data["queues"]:
            queue = one.pop("queue")
            self.counts.update({(queue, kind): number for kind, number in one.items() if number})
        self.ended |= {one["job_id"]: one for one in event.data["ended"]}

    async def until(self, reader: EventReader, **counts: int) -> "Total":
        """Add events until the queues together have these counts."""
        while any(self.of(kind) < number for kind, number in counts.items()):
            self.add(await reader.next())
        return self

    def of(self, kind: str) -> int:
        return sum(number for (_, one), number in self.counts.items() if one == kind)


async def test_changes_are_counted_and_ended_jobs_named(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    async with changes_of(gateway) as stream:
        for name in ("a", "b", "c"):
            await gateway.post("/jobs/add", {"job_id": name})
        await worker.run_one(1)
        await worker.run_one(failure=NO)
        claimed = await worker.claim()
        await worker.broker.retry(claimed.lease, defer=None, score_ms=claimed.score_ms)
        await gateway.post("/jobs/f", {"job_id": "d", "queue": OTHER})
        total = await Total().until(stream, enqueued=4, failed=1, retried=1)
    assert total.counts == {
        ("arq:queue", "enqueued"): 3,
        ("arq:queue", "succeeded"): 1,
        ("arq:queue", "failed"): 1,
        ("arq:queue", "retried"): 1,
        (OTHER, "enqueued"): 1,
    }
    ended = [(one["job_id"], one["function"], one["queue"], one["success"]) for one in total.ended.values()]
    assert sorted(ended) == [("a", "add", "arq:queue", True), ("b", "add", "arq:queue", False)]
    assert total.ended["a"]["time"].endswith("Z")


async def test_an_odd_time_in_an_index_hides_no_ended_job(
    gateway: RunningGateway, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        client.zadd("arq:queue:index:finished", {"odd": "inf"})
    total = Total()
    async with changes_of(gateway) as stream:
        for number, name in enumerate(("a", "b"), start=1):
            await gateway.post("/jobs/add", {"job_id": name})
            await worker.run_one(1)
            await total.until(stream, succeeded=number)
    assert set(total.ended) == {"a", "b"}


async def test_a_clock_of_redis_that_is_set_back_hides_no_ended_job(
    gateway: RunningGateway, worker: PlayedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = Broker.connect

    async def ahead(broker: Broker, *, timeout: float | None = None) -> int:
        return await connect(broker, timeout=timeout) + 3_600_000

    monkeypatch.setattr(Broker, "connect", ahead)
    total = Total()
    async with changes_of(gateway) as stream:
        for number, name in enumerate(("a", "b"), start=1):
            await gateway.post("/jobs/add", {"job_id": name})
            await worker.run_one(1)
            await total.until(stream, succeeded=number)
            assert name in total.ended


async def test_queue_and_function_are_filters(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await worker.broker.enqueue(request_of("f", job_id="0", queue=OTHER))
    async with AsyncExitStack() as stack:
        opened = [changes_of(gateway, query) for query in (f"&queue={OTHER}", "&function=f")]
        streams = [await stack.enter_async_context(each) for each in opened]
        for number, (function, queue) in enumerate((("f", "arq:queue"), ("g", OTHER), ("f", OTHER))):
            await worker.broker.enqueue(request_of(function, job_id=f"j{number}", queue=queue))
        await worker.run_one(1)
        totals = [await Total().until(each, enqueued=2) for each in streams]
        await totals[1].until(streams[1], succeeded=1)
    assert totals[0].counts == {(OTHER, "enqueued"): 2}
    assert set(totals[1].ended) == {"j0"}


async def load(broker: Broker, stop: asyncio.Event) -> int:
    """Enqueue jobs as fast as that goes, and return how many."""
    number = 0
    while not stop.is_set():
        await broker.enqueue_many([JobRequest(function="f", job_id=f"{number + at}") for at in range(50)])
        number += 50
        await asyncio.sleep(0.01)
    return number


def calls(redis: RedisServer, *kinds: str) -> Sequence[int]:
    with redis.client() as client:
        stats = client.info("commandstats")
    return [stats.get(f"cmdstat_{kind}", {"calls": 0})["calls"] for kind in kinds]


async def test_under_load_many_readers_cost_a_few_reads(
    gateway: RunningGateway, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(changes_of(gateway)) for _ in range(8)]
        stop = asyncio.Event()
        before = calls(valkey_server, "publish")
        with valkey_server.client(timeout=20) as client, client.monitor() as monitor:
            running = asyncio.create_task(load(worker.broker, stop))
            totals = [Total() for _ in streams]
            times = []
            for _ in range(4):
                for total, stream in zip(totals, streams, strict=True):
                    total.add(await stream.next())
                times.append(asyncio.get_running_loop().time())
            stop.set()
            number = await running
            client.echo("that is all")
            beats = 0
            for entry in monitor.listen():
                beats += script("activity_of").sha in entry["command"]
                if "that is all" in entry["command"]:
                    break
        for total, stream in zip(totals, streams, strict=True):
            await total.until(stream, enqueued=number)
    assert [total.of("enqueued") for total in totals] == [number] * 8, "each change is counted once"
    assert min(later - sooner for sooner, later in pairwise(times[1:])) > 0.8
    assert beats <= 6, "all share the beats"
    assert calls(valkey_server, "publish") == before, "nothing is published"


async def test_a_resumed_stream_says_that_something_may_be_missing(gateway: RunningGateway) -> None:
    async with changes_of(gateway, after="1:") as stream:
        assert b"event: gap\nid: " in stream.text
        assert b'data: {"missed":null}' in stream.text


async def test_a_key_is_shown_its_own_jobs(redis_url: str, worker: PlayedWorker, tmp_path: Path) -> None:
    keys = {name: new_key(name, ("read", "enqueue:*")) for name in ("me", "other")}
    (tmp_path / "keys.toml").write_text("\n".join(entry for _, entry in keys.values()))
    bearer = {name: {"Authorization": f"Bearer {key}"} for name, (key, _) in keys.items()}
    async with (
        running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway,
        changes_of(gateway, **bearer["me"]) as stream,
    ):
        for number, name in enumerate(("other", "me", "other", "me")):
            await gateway.post("/jobs/add", {"job_id": f"{number}"}, headers=bearer[name])
        for _ in range(3):
            await worker.run_one(1)
        await worker.run_one(failure=NO)
        total = await Total().until(stream, enqueued=2, succeeded=1, failed=1)
    assert total.of("enqueued") == 2
    assert {name: one["success"] for name, one in total.ended.items()} == {"1": True, "3": False}


async def test_without_readers_it_reads_nothing(gateway: RunningGateway, valkey_server: RedisServer) -> None:
    async with changes_of(gateway):
        pass
    with valkey_server.client(timeout=20) as client, client.monitor() as monitor:
        await asyncio.sleep(1.5)  # a beat and a half
        client.echo("that is all")
        for entry in monitor.listen():
            assert script("activity_of").sha not in entry["command"]
            if "that is all" in entry["command"]:
                break
