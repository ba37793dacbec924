"""Waiting for a result: pushed when all is well, found all the same when it is not."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from harness.servers.redis_server import RedisServer
from harness.waiting import PATIENCE, eventually
from jobgate.broker import Broker, JobRequest
from jobgate.broker.waiting.watch import LAST_LOOK, POLL_INTERVAL, REREAD_INTERVAL

STORED = '{"t":1,"f":"add","a":[],"k":{},"et":1,"s":true,"r":7,"st":2,"ft":3}'
ServerMaker = Callable[..., RedisServer]


def finish_as_arq_does(server: RedisServer, job_id: str = "a") -> None:
    """Store a result by a plain SET: nobody is told but by the server itself."""
    with server.client() as client:
        client.set(f"arq:result:{job_id}", STORED)


def until_tracked(server: RedisServer, keys: int) -> None:
    with server.client() as client:
        eventually(lambda: client.info()["tracking_total_keys"] >= keys, what="tracked keys")


def pubsub_connections(server: RedisServer) -> int:
    with server.client() as client:
        return len(client.client_list(_type="pubsub"))


@asynccontextmanager
async def tracked_wait(server: RedisServer, timeout: float) -> AsyncIterator["asyncio.Task[float]"]:
    """Wait for job `a` and hand out the task once its key is tracked; it answers when it got the result."""
    async with Broker(server.url) as broker:
        await broker.enqueue(JobRequest(function="add", job_id="a"))
        task = asyncio.create_task(_arrival(broker, timeout))
        await asyncio.to_thread(until_tracked, server, 1)
        yield task
        await task


async def _arrival(broker: Broker, timeout: float) -> float:
    result = await broker.wait("a", timeout)
    assert result is not None
    assert result.result == 7
    return time.monotonic()


async def test_waits_read_again_together(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobgate.broker.waiting.watch.REREAD_INTERVAL", 1)
    ids = [f"job{number}" for number in range(100)]
    async with Broker(server.url) as broker:
        await broker.enqueue_many([JobRequest(function="add", job_id=one) for one in ids])
        waits = [asyncio.create_task(broker.wait(one, 100)) for one in ids]
        await asyncio.to_thread(until_tracked, server, len(ids))
        reads, round_trips = await asyncio.to_thread(_reads_again, server, 5 * len(ids))
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    assert round_trips < reads / 4


def _reads_again(server: RedisServer, wanted: int) -> tuple[int, int]:
    """Wait for so many reads, each of which asks for one job; return them and the round trips."""
    with server.client() as client:
        client.config_resetstat()

        def calls(command: str) -> int:
            return int(client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])

        eventually(lambda: calls("exists") >= wanted, what="reads")
        return calls("exists"), calls("mget")


async def test_a_foreign_write_is_pushed(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobgate.broker.waiting.watch.REREAD_INTERVAL", 60)
    async with tracked_wait(server, 100) as arrival:
        written = time.monotonic()
        finish_as_arq_does(server)
        assert await arrival - written < 20


async def test_many_waiters_share_one_pair_of_connections(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        for n in range(200):
            await broker.enqueue(JobRequest(function="add", job_id=str(n)))
        waits = [asyncio.create_task(broker.wait(str(n), 20)) for n in range(200)]
        await asyncio.to_thread(until_tracked, server, 200)
        # Those of an earlier test may be on their way out.
        eventually(lambda: pubsub_connections(server) == 1, what="one subscriber")
        with server.client() as client:
            for n in range(200):
                client.set(f"arq:result:{n}", STORED)
            assert all(await asyncio.gather(*waits))
            eventually(lambda: len(client.client_list()) <= 8, what="few connections")


async def test_a_lost_subscriber_costs_no_result(server: RedisServer) -> None:
    async with tracked_wait(server, 100) as arrival:
        with server.client() as client:
            client.client_kill_filter(_type="pubsub")
        written = time.monotonic()
        finish_as_arq_does(server)
        assert await arrival - written < REREAD_INTERVAL + PATIENCE


async def test_the_pair_of_connections_is_opened_anew_when_its_subscriber_is_lost(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the reader alone would stay open, and nobody would be told of anything any more."""
    monkeypatch.setattr("jobgate.broker.waiting.watch.REREAD_INTERVAL", 1000)
    async with Broker(server.url) as broker:
        await broker.enqueue(JobRequest(function="add", job_id="a"))
        with broker.watch("a") as watch, server.client() as client:
            wait = asyncio.create_task(watch.wait(1000, poll=1000))
            await asyncio.to_thread(until_tracked, server, 1)
            client.client_kill_filter(_type="pubsub")
            finish_as_arq_does(server)
            async with asyncio.timeout(PATIENCE):
                result = await wait
    assert result is not None
    assert result.result == 7


async def test_a_lost_reader_costs_no_result(server: RedisServer) -> None:
    async with tracked_wait(server, 100) as arrival:
        with server.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        written = time.monotonic()
        finish_as_arq_does(server)
        assert await arrival - written < REREAD_INTERVAL + PATIENCE


async def test_a_restart_of_the_server_costs_no_result(server: RedisServer) -> None:
    async with tracked_wait(server, 100) as arrival:
        await asyncio.to_thread(server.restart)
        finish_as_arq_does(server)
        await arrival


async def test_a_flushed_server_is_noticed(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        await broker.enqueue(JobRequest(function="add", job_id="a"))
        wait = asyncio.create_task(broker.wait("a", 100))
        await asyncio.to_thread(until_tracked, server, 1)
        with server.client() as client:
            client.flushall()
        started = time.monotonic()
        assert await wait is None
        assert time.monotonic() - started < 2 * REREAD_INTERVAL + PATIENCE


async def test_the_wait_for_an_unknown_job_ends_early(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        started = time.monotonic()
        assert await broker.wait("unknown", 100) is None
        assert time.monotonic() - started < 2 * REREAD_INTERVAL + PATIENCE


async def test_a_hanging_server_does_not_make_the_wait_longer(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        await broker.enqueue(JobRequest(function="add", job_id="a"))
        wait = asyncio.create_task(broker.wait("a", 1.5))
        await asyncio.to_thread(until_tracked, server, 1)
        server.pause()
        try:
            started = time.monotonic()
            assert await wait is None
            assert time.monotonic() - started < 1.5 + LAST_LOOK + 2, "Redis is given 5 s elsewhere"
        finally:
            server.resume()


async def test_a_look_without_waiting(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        assert await broker.wait("a", 0) is None
        finish_as_arq_does(server)
        assert await broker.wait("a", 0) is not None


@contextmanager
def server_without_tracking(make_server: ServerMaker) -> Iterator[RedisServer]:
    server = make_server("redis")
    with server.client() as client:
        client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-client|tracking"])
    yield server


async def test_results_are_polled_where_tracking_is_refused(
    make_server: ServerMaker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.broker.waiting.watch.REREAD_INTERVAL", 60)
    with server_without_tracking(make_server) as server:
        async with Broker(server.url) as broker:
            await broker.enqueue(JobRequest(function="add", job_id="a"))
            wait = asyncio.create_task(_arrival(broker, 100))
            await asyncio.to_thread(
                eventually, lambda: "refuses CLIENT TRACKING" in caplog.text, what="the log line"
            )
            written = time.monotonic()
            finish_as_arq_does(server)
            assert await wait - written < POLL_INTERVAL + 20


async def test_waiting_leaves_nothing_behind(server: RedisServer) -> None:
    before = asyncio.all_tasks()
    async with Broker(server.url) as broker:
        await broker.enqueue(JobRequest(function="add", job_id="a"))
        assert await broker.wait("a", 0.1) is None
        watching = asyncio.create_task(broker.wait("a", 60))
        await asyncio.sleep(0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        assert not broker._watcher._watches
    assert asyncio.all_tasks() == before
