"""Jobs that are followed: each change arrives at once, many of them cost few calls, and nothing is left."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker
from harness.waiting import eventually_async
from jobgate.broker import Broker, FollowedJob, JobRequest, JobStatus
from jobgate.broker.views import moved

QUEUE = "arq:queue"
ServerMaker = Callable[..., RedisServer]
#: Seconds for a change to arrive. Without notices, marks would be read again after twice as long.
PUSHED = 30.0


class Follower:
    """A job that is followed, and the statuses that were seen of it, without repetition."""

    def __init__(self, broker: Broker, job_id: str, queues: Sequence[str] = ()) -> None:
        self._changed = asyncio.Event()
        self.job: FollowedJob = broker.follow(job_id, queues=queues, notify=self._changed.set)

    async def change(self, timeout: float = PUSHED) -> Any:
        async with asyncio.timeout(timeout):
            await self._changed.wait()
        self._changed.clear()
        return self.job.mark

    async def status(self) -> str | None:
        mark = await self.change()
        return mark[0] if mark else None


@pytest.fixture
def _only_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    for interval in ("_REREAD", "_POLL"):
        monkeypatch.setattr(f"jobgate.broker.waiting.followed_jobs.{interval}", 60.0)


@contextlib.contextmanager
def followed(broker: Broker, job_id: str, queues: Sequence[str] = ()) -> Iterator[Follower]:
    follower = Follower(broker, job_id, queues)
    with follower.job:
        yield follower


async def tracking(broker: Broker) -> None:
    async def is_open() -> bool:
        return broker._notices.reader is not None

    await eventually_async(is_open, what="the connection for notices")


@pytest.mark.usefixtures("_only_notices")
async def test_each_change_is_pushed_and_the_mark_shows_it(server: RedisServer) -> None:
    """A view that was moved to a mark is the view that reading the job returns."""
    async with Broker(server.url) as broker:
        worker = PlayedWorker(broker)
        with followed(broker, "a") as follower:
            assert await follower.change() is None
            await tracking(broker)
            await broker.enqueue(JobRequest(function="f", job_id="a", args=[1]))
            await follower.change()
            view = await broker.view("a")

            async def step(status: str, tries: int) -> None:
                mark = await follower.change()
                nonlocal view
                assert mark == await broker.mark("a")
                assert view
                view = moved(view, mark)
                assert view == await broker.view("a")
                assert view
                assert (view.status, view.tries) == (status, tries)

            claimed = await worker.claim()
            await step("in_progress", 1)
            await broker.report_progress(claimed.lease, 0.5, "half")
            await step("in_progress", 1)
            assert view
            assert view.progress
            assert await broker.retry(claimed.lease, defer=None, score_ms=claimed.score_ms)
            await step("queued", 1)
            claimed = await worker.claim()
            await step("in_progress", 2)
            await worker.finish(claimed, 1)
            mark = await follower.change()
            assert mark == await broker.mark("a")
            assert mark[0] == JobStatus.COMPLETE
            assert moved(view, mark) is None, "it must be read"


@pytest.mark.usefixtures("_only_notices")
async def test_a_deferred_job_is_seen_to_become_due(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        await broker.enqueue(JobRequest(function="f", job_id="a", defer_by=1))
        with followed(broker, "a") as follower:
            assert [await follower.status(), await follower.status()] == ["deferred", "queued"]


@pytest.mark.usefixtures("_only_notices")
async def test_what_is_written_while_no_notices_arrive_is_seen_later(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        await broker.enqueue(JobRequest(function="f", job_id="a"))
        with followed(broker, "a") as follower:
            assert await follower.status() == "queued"
            await tracking(broker)
            server.restart()
            async with Broker(server.url) as other:
                await PlayedWorker(other).run_one(1)
            while await follower.status() != "complete":
                pass


async def test_marks_are_read_again_where_redis_sends_no_notices(make_server: ServerMaker) -> None:
    server = make_server("redis")
    with server.client() as client:
        client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-client|tracking"])
    async with Broker(server.url) as broker:
        await broker.enqueue(JobRequest(function="f", job_id="a"))
        with followed(broker, "a") as follower:
            assert await follower.status() == "queued"
            await PlayedWorker(broker).run_one(1)
            while await follower.status() != "complete":
                pass


@pytest.mark.usefixtures("_only_notices")
async def test_many_jobs_cost_few_calls_and_other_jobs_none(server: RedisServer) -> None:
    count = 600
    async with Broker(server.url) as broker, contextlib.AsyncExitStack() as stack:
        await asyncio.gather(
            *(broker.enqueue(JobRequest(function="f", job_id=f"j{number}")) for number in range(count))
        )
        await broker.enqueue(request_of("f", job_id="other", queue="other:queue"))
        followers = [stack.enter_context(followed(broker, f"j{number}")) for number in range(count)]
        assert [await each.status() for each in followers] == ["queued"] * count
        await tracking(broker)
        with server.client() as client:
            client.config_resetstat()
            await PlayedWorker(broker, queue="other:queue").run_one()
            claim = await broker.claim(QUEUE, count, worker_id="w", token="w:1")
            assert len(claim.jobs) == count
            assert [await each.status() for each in followers] == ["in_progress"] * count
            calls = client.info("commandstats")
        assert calls["cmdstat_evalsha"]["calls"] < count / 10
        assert calls["cmdstat_exists"]["calls"] < 2 * count, "scripts look, too"


async def test_following_leaves_nothing_behind(server: RedisServer) -> None:
    before = asyncio.all_tasks()
    async with Broker(server.url) as broker:
        with followed(broker, "a") as one, followed(broker, "a", ["other:queue"]) as two:
            assert await one.change() is None
            assert await two.change() is None
        jobs = broker._followed
        assert [jobs._entries, jobs._ids_by_key, jobs._stale] == [{}, {}, {}]
    assert asyncio.all_tasks() == before
