"""Running a finished job again: once, exactly, with the codec that wrote it."""

import asyncio
import pickle
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from hashlib import sha1
from typing import Any

import pytest

from harness.jobs.leases import claimed
from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from jobgate.broker import Broker, Failure, JobBody, JobResult, Keys, RerunAnswer
from jobgate.broker.scripts import script

QUEUE = "arq:queue"


@pytest.fixture(autouse=True)
def _empty(valkey_server: RedisServer) -> None:
    valkey_server.reset()


async def end(broker: Broker, *, success: bool) -> None:
    """Claim the next job and end it."""
    (job,) = await claimed(broker)
    body: JobBody = broker.decode_job(job.body or b"")
    result = JobResult(
        job_id=job.lease.job_id,
        function=body.function,
        args=body.args,
        kwargs=body.kwargs,
        tries=1,
        success=success,
        failure=None if success else Failure(type="ValueError", message="no"),
        enqueue_time_ms=body.enqueue_time_ms,
        start_time_ms=2,
        finish_time_ms=3,
        queue=QUEUE,
        options=body.options,
    )
    await broker.finish(job.lease, result, keep=60)


@pytest.mark.parametrize("change", ["another result", "end of the new job"])
def test_what_changes_before_the_script_runs_is_looked_at_again(
    valkey_server: RedisServer, change: str
) -> None:
    keys = Keys()
    stored = b"another" if change == "another result" else b"result"
    places = [QUEUE, keys.wake(QUEUE), keys.abort, keys.result("a"), keys.retried("a"), keys.job("b")]
    places += [keys.result("b"), keys.ended("b"), keys.listeners(QUEUE), keys.rate(""), keys.pending("")]
    words = ["b", "body", sha1(b"result", usedforsecurity=False).hexdigest(), "60000"]
    words += [keys.activity(QUEUE, ""), keys.job_channel(QUEUE), "add", "", keys.job("")]
    with valkey_server.client() as client:
        client.set(keys.result("a"), stored)
        if change == "end of the new job":
            client.set(keys.ended("b"), "1")
        before = {*client.keys()}
        assert client.eval(script("rerun").source, len(places), *places, *words) == [3, 0, b"b"]
        assert {*client.keys()} == before


@pytest.mark.parametrize("success", [False, True])
@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_plain_arguments(valkey_server: RedisServer, codec: str, success: bool) -> None:
    arguments: list[Any] = [1, 2.5, "ü", None, {"a": [True]}]
    async with Broker(valkey_server.url, codec=codec) as broker:
        request = request_of("add", args=arguments, kwargs={"k": 1}, job_id="a", owner="shop", max_tries=3)
        await broker.enqueue(request)
        await end(broker, success=success)
        made = await broker.rerun("a")
        assert made.code is RerunAnswer.CREATED
        view, old = await broker.view(made.job_id or ""), await broker.view("a")
        assert view is not None
        assert old is not None
        assert (view.retry_of, view.owner, view.function, view.queue) == ("a", "shop", "add", QUEUE)
        assert old.retried_as == made.job_id
        body = view.body
        assert body is not None
        assert (list(body.args), body.kwargs) == (arguments, {"k": 1})
        assert body.options.max_tries == (None if success else 3)
        assert body.enqueue_time_ms == made.enqueue_time_ms


async def test_a_pickle_keeps_what_a_gateway_cannot_read(valkey_server: RedisServer) -> None:
    arguments = (Decimal("1.5"), {1, 2}, Counter("abca"), b"\0" * 70_000)
    async with Broker(valkey_server.url, codec="pickle", trust_pickle=True) as worker:
        await worker.enqueue(request_of("add", args=arguments, job_id="a", first_try=2))
        await end(worker, success=False)
        async with Broker(valkey_server.url) as gateway:
            made = await gateway.rerun("a")
            assert made.code is RerunAnswer.CREATED
        (job,) = await claimed(worker)
        body = worker.decode_job(job.body or b"")
        assert body.args == arguments
        assert (body.options.retry_of, body.first_try) == ("a", None)
        assert body.enqueue_time_ms == made.enqueue_time_ms
        assert pickle._loads(job.body)["f"] == "add"  # type: ignore[attr-defined] # the reader in Python, too


async def test_a_pickle_of_stock_arq(valkey_server: RedisServer) -> None:
    body: dict[str, Any] = {"t": None, "f": "add", "a": (Decimal(1),), "k": {}, "et": 1000}
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        with valkey_server.client() as client:
            client.flushdb()
            client.set("arq:job:a", pickle.dumps(body, protocol))
            client.zadd(QUEUE, {"a": 1})
        async with Broker(valkey_server.url, codec="pickle", trust_pickle=True) as broker:
            await end(broker, success=False)
            made = await broker.rerun("a")
            (job,) = await claimed(broker)
            again = broker.decode_job(job.body or b"")
        assert made.code is RerunAnswer.CREATED
        assert again.args == (Decimal(1),)
        assert again.options.queue is None, "it is still a job of stock arq, to be run as arq runs it"


async def test_many_requests_make_one_job(valkey_server: RedisServer) -> None:
    async with Broker(valkey_server.url) as broker, Broker(valkey_server.url) as other:
        await broker.enqueue(request_of("add", job_id="a"))
        await end(broker, success=False)
        made = await asyncio.gather(*(each.rerun("a") for each in [broker, other] * 10))
        assert len({one.job_id for one in made}) == 1
        assert Counter(one.code for one in made) == {RerunAnswer.CREATED: 1, RerunAnswer.EXISTS: 19}
        assert len((await broker.queued_jobs()).jobs) == 1


async def test_a_repeated_request_is_known_by_its_new_id(valkey_server: RedisServer) -> None:
    async with Broker(valkey_server.url) as broker:
        await broker.enqueue(request_of("add", job_id="a"))
        await end(broker, success=False)
        for _ in range(2):
            made = await broker.rerun("a", new_id="b")
            assert (made.code, made.job_id) == (RerunAnswer.CREATED, "b")


async def no_job(broker: Broker) -> None:
    """Nothing."""


async def waiting(broker: Broker) -> None:
    await broker.enqueue(request_of("add", job_id="a"))


@pytest.mark.parametrize(
    ("before", "code"), [(no_job, RerunAnswer.UNKNOWN), (waiting, RerunAnswer.UNFINISHED)]
)
async def test_what_has_not_ended(
    valkey_server: RedisServer, before: Callable[[Broker], Any], code: RerunAnswer
) -> None:
    async with Broker(valkey_server.url) as broker:
        await before(broker)
        assert (await broker.rerun("a")).code is code


async def test_arguments_that_are_gone(valkey_server: RedisServer) -> None:
    """A pickled result does not say exactly what its job was given."""
    async with Broker(valkey_server.url, codec="pickle", trust_pickle=True) as broker:
        await broker.enqueue(request_of("add", job_id="a"))
        await end(broker, success=True)
        assert (await broker.rerun("a")).code is RerunAnswer.NO_ARGUMENTS
    with valkey_server.client() as client:
        client.set("arq:result:b", b"junk")
    async with Broker(valkey_server.url) as broker:
        assert (await broker.rerun("b")).code is RerunAnswer.NO_ARGUMENTS


async def test_a_new_job_of_the_id_is_not_the_one_that_was_run_again(valkey_server: RedisServer) -> None:
    async with Broker(valkey_server.url) as broker:
        await broker.enqueue(request_of("add", job_id="a"))
        await end(broker, success=False)
        first = await broker.rerun("a")
        await end(broker, success=True)
        await broker.enqueue(request_of("add", job_id="a", replaces_result=True))
        await end(broker, success=False)
        again = await broker.view("a")
        assert again is not None
        assert again.retried_as is None
        second = await broker.rerun("a")
        assert second.code is RerunAnswer.CREATED
        assert second.job_id != first.job_id
