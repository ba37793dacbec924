"""Workers send outcomes straight to the process whose caller waits: hints, as results are the truth."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.servers.redis_server import RedisServer
from harness.waiting import eventually, eventually_async
from jobgate.broker import Broker, ClaimedJob, JobOptions, JobRequest, JobResult, Watch
from jobgate.broker.part import Core
from jobgate.broker.waiting.subscription import Subscription

QUEUE = "arq:queue"
_CLAIMS = itertools.count()
STORED = b'{"t":1,"f":"f","a":[],"k":{},"et":1,"s":true,"r":7,"st":2,"ft":3}'


@pytest.fixture(autouse=True)
def _nothing_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobgate.broker.waiting.watch.REREAD_INTERVAL", 1000)


@pytest.fixture
def only_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are not read when the answer stays away."""
    monkeypatch.setattr("jobgate.broker.waiting.watch._ANSWER_WITHIN", 1000)


@asynccontextmanager
async def receiving(server: RedisServer, **settings: Any) -> AsyncIterator[Broker]:
    """A broker whose connections for notices and answers are open."""
    async with Broker(server.url, **settings) as broker:
        with broker.watch("nothing"):
            await until_receiving(broker)
        yield broker


async def until_receiving(broker: Broker) -> None:
    async def is_open() -> bool:
        return broker._notices.reader is not None

    await eventually_async(is_open, what="the connection for answers")


async def enqueued(broker: Broker, watch: Watch, **options: Any) -> None:
    request = JobRequest(function="f", job_id=watch.job_id, options=JobOptions(wants_outcome=True, **options))
    await broker.enqueue(request, answer_to=watch.answer_to)


async def claimed(broker: Broker) -> ClaimedJob:
    (job,) = await all_claimed(broker, 1)
    return job


async def all_claimed(broker: Broker, most: int) -> Sequence[ClaimedJob]:
    claim = await broker.claim(QUEUE, most, worker_id="w", token=f"w:{next(_CLAIMS)}", lease=10)
    return claim.jobs


async def finish(broker: Broker, job: ClaimedJob, value: object = 7, *, keep: float = 60) -> None:
    body = await broker._core.decoder.job(job.body or b"")
    result = JobResult(
        job_id=job.lease.job_id, function="f", args=[], kwargs={}, tries=1, success=True, result=value,
        enqueue_time_ms=1, start_time_ms=2, finish_time_ms=3, queue=QUEUE, options=body.options,
    )  # fmt: skip
    await broker.finish(job.lease, result, keep=keep, is_wanted=keep == 0)


async def value_of(watch: Watch, timeout: float = 100) -> object:
    result = await watch.wait(timeout)
    assert result is not None
    return result.result


def calls(server: RedisServer, command: str) -> int:
    with server.client() as client:
        return int(client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


@pytest.mark.usefixtures("only_answers")
@pytest.mark.parametrize("keep", [60, 0])
async def test_an_outcome_arrives_without_any_read(server: RedisServer, keep: float) -> None:
    async with receiving(server) as broker:
        reads = calls(server, "mget")
        with broker.watch("a", in_request=True) as watch:
            await enqueued(broker, watch)
            await finish(broker, await claimed(broker), keep=keep)
            assert await value_of(watch) == 7
        assert calls(server, "mget") == reads


@pytest.mark.usefixtures("only_answers")
async def test_each_of_many_calls_gets_its_own(server: RedisServer) -> None:
    async with receiving(server) as broker, asyncio.TaskGroup() as group:

        async def call(number: int) -> None:
            with broker.watch(f"job{number}", in_request=True) as watch:
                await enqueued(broker, watch)
                assert await value_of(watch) == f"job{number}"

        tasks = [group.create_task(call(number)) for number in range(300)]
        while not all(task.done() for task in tasks):
            for job in await all_claimed(broker, 100):
                await finish(broker, job, job.lease.job_id)


@pytest.mark.usefixtures("only_answers")
@pytest.mark.parametrize("size", [16_000, 17_000, 3_000_000])
async def test_a_large_outcome_arrives_too(server: RedisServer, size: int) -> None:
    async with receiving(server) as broker:
        with broker.watch("a", in_request=True) as watch:
            await enqueued(broker, watch)
            await finish(broker, await claimed(broker), "x" * size)
            assert await value_of(watch) == "x" * size


async def test_what_others_write_is_noticed(server: RedisServer) -> None:
    """Stock arq workers, and those of earlier releases, send no answers."""
    async with receiving(server) as broker:
        with broker.watch("a", in_request=True) as watch:
            await enqueued(broker, watch)
            wait = asyncio.create_task(value_of(watch))
            with server.client() as client:
                eventually_tracked = lambda: client.info()["tracking_total_keys"] > 0  # noqa: E731
                await asyncio.to_thread(eventually, eventually_tracked, what="the read of the key")
                client.set("arq:result:a", STORED)
            assert await wait == 7


async def test_a_message_that_is_lost_costs_no_result(server: RedisServer) -> None:
    async with receiving(server) as broker:
        with broker.watch("a", in_request=True) as watch:
            await enqueued(broker, watch)
            wait = asyncio.create_task(value_of(watch))
            job = await claimed(broker)
            with server.client() as client:
                client.client_kill_filter(_type="pubsub")
            await finish(broker, job)
            assert await wait == 7


@pytest.mark.usefixtures("only_answers")
async def test_after_a_lost_connection_answers_arrive_under_a_new_name(server: RedisServer) -> None:
    async with receiving(server) as broker:
        first = broker._notices.reader
        with server.client() as client:
            client.client_kill_filter(_type="pubsub")

        async def is_anew() -> bool:
            return broker._notices.reader not in (None, first)

        await eventually_async(is_anew, what="a new connection")
        with broker.watch("a", in_request=True) as watch:
            assert first is not None
            assert not str(watch.answer_to).startswith(str(first.process))
            await enqueued(broker, watch)
            await finish(broker, await claimed(broker))
            assert await value_of(watch) == 7


@pytest.mark.usefixtures("only_answers")
async def test_the_answer_of_an_earlier_job_is_nobody_elses(server: RedisServer) -> None:
    """An id is free again after a result that is not kept; its late answer is not that of the next job."""
    async with receiving(server) as broker:
        with broker.watch("a", in_request=True) as first:
            await enqueued(broker, first)
            job = await claimed(broker)
        await finish(broker, job, "old", keep=0)
        with broker.watch("a", in_request=True) as second:
            await enqueued(broker, second)
            assert second.answer_to != first.answer_to
            with server.client() as client:
                process, _, number = str(first.answer_to).partition(".")
                client.publish(f"arq:queue:answers:{process}", f"{number} ".encode() + STORED)
            await finish(broker, await claimed(broker), "new")
            assert await value_of(second) == "new"


@pytest.mark.usefixtures("only_answers")
async def test_two_brokers_have_names_of_their_own(server: RedisServer) -> None:
    async with receiving(server) as one, receiving(server) as other:
        with one.watch("a", in_request=True) as first, other.watch("b", in_request=True) as second:
            await enqueued(one, first)
            await enqueued(other, second)
            for _ in range(2):
                job = await claimed(one)
                await finish(one, job, job.lease.job_id)
            assert (await value_of(first), await value_of(second)) == ("a", "b")


@pytest.mark.usefixtures("only_answers")
@pytest.mark.parametrize("message", [b"", b" ", b"x", b"-1 {}", b"99999 {}", b"\xff\xfe", b"0" * 100_000])
async def test_foreign_messages_are_ignored(server: RedisServer, message: bytes) -> None:
    async with receiving(server) as broker:
        with broker.watch("a", in_request=True) as watch:
            await enqueued(broker, watch)
            with server.client() as client:
                process = str(watch.answer_to).partition(".")[0]
                assert client.publish(f"arq:queue:answers:{process}", message) == 1
            await finish(broker, await claimed(broker))
            assert await value_of(watch) == 7


@pytest.mark.parametrize(
    "address", ["", "x", "a b.1", ".", "a.", ".1", "a.b.c", "*.1", "a.1\n", "é.1", "a" * 9000]
)
async def test_a_foreign_address_spoils_no_end(server: RedisServer, address: str) -> None:
    async with receiving(server) as broker:
        await broker.enqueue(JobRequest(function="f", job_id="a"), answer_to=address)
        await finish(broker, await claimed(broker))
        result = await broker.wait("a", 0)
        assert result is not None
        assert result.result == 7


@pytest.mark.usefixtures("only_answers")
@pytest.mark.parametrize("message", ["", "x", "arq:result:a"])
async def test_a_foreign_message_to_the_channel_of_notices_ends_no_notices(
    server: RedisServer, message: str
) -> None:
    async with receiving(server) as broker:
        with server.client() as client:
            assert client.publish("__redis__:invalidate", message) == 1
        with broker.watch("a", in_request=True) as watch:
            await enqueued(broker, watch)
            await finish(broker, await claimed(broker))
            async with asyncio.timeout(5):
                assert await value_of(watch) == 7


@pytest.mark.usefixtures("only_answers")
async def test_a_subscriber_that_redis_refuses_a_ping_is_replaced(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.broker.waiting.subscription.PING_INTERVAL", 0.05)
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "&*", "+@all")
        async with Broker(server.url.replace("redis://", "redis://limited:secret@")) as broker:
            with broker.watch("nothing"):
                await until_receiving(broker)
            first = broker._notices.reader
            client.execute_command("ACL", "SETUSER", "limited", "-ping")

            async def is_replaced() -> bool:
                return broker._notices.reader is not first

            await eventually_async(is_replaced, what="the end of the first subscriber")


async def test_a_subscriber_that_ends_before_it_is_used_is_replaced_soon(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []

    async def killed_once(core: Core, subscription: Subscription) -> str | None:
        if not killed:
            killed.append(subscription.client_id)
            with server.client() as client:
                client.client_kill_filter(_id=str(subscription.client_id))
        return None

    monkeypatch.setattr("jobgate.broker.waiting.tracker._subscribed_to_answers", killed_once)
    async with asyncio.timeout(10), receiving(server):
        assert killed


async def test_where_redis_refuses_the_channel_results_are_noticed(server: RedisServer) -> None:
    with server.client() as client:
        rule = ["on", ">secret", "~*", "+@all", "resetchannels", "&__redis__:invalidate"]
        client.execute_command("ACL", "SETUSER", "limited", "reset", *rule)
    limited = server.url.replace("redis://", "redis://limited:secret@")
    async with Broker(limited) as broker:
        with broker.watch("nothing"):
            await until_receiving(broker)
        with broker.watch("a", in_request=True) as watch:
            assert watch.answer_to is None
            await enqueued(broker, watch)
            await finish(broker, await claimed(broker))
            assert await value_of(watch) == 7


@pytest.mark.usefixtures("only_answers")
@pytest.mark.parametrize("codec", ["json", "msgpack", "pickle"])
async def test_all_codecs_carry_the_address(server: RedisServer, codec: str) -> None:
    async with receiving(server, codec=codec, trust_pickle=codec == "pickle") as broker:
        with broker.watch("a", in_request=True) as watch:
            await enqueued(broker, watch, timeout=5)
            await finish(broker, await claimed(broker))
            assert await value_of(watch) == 7
        assert broker._watcher._asking == {}


@pytest.mark.usefixtures("only_answers")
async def test_a_job_that_is_run_again_answers_nobody(server: RedisServer) -> None:
    async with receiving(server) as broker:
        with broker.watch("a", in_request=True) as watch:
            await enqueued(broker, watch)
            await finish(broker, await claimed(broker))
            assert await value_of(watch) == 7
        await broker.rerun("a")
        body = await broker._core.decoder.job((await claimed(broker)).body or b"")
        assert body.options.retry_of == "a"
        assert body.options.answer_to is None
