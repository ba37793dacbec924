"""Indexes of ended jobs: newest first, stable cursors, bounded, and trimmed as results expire."""

from collections.abc import AsyncIterator

import pytest

from harness.jobs.leases import claimed
from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from jobgate.broker import Broker, Failure, FailureCode, JobResult, Transition

QUEUE = "arq:queue"


@pytest.fixture(autouse=True)
def _empty(valkey_server: RedisServer) -> None:
    valkey_server.reset()


@pytest.fixture
async def broker(valkey_server: RedisServer) -> AsyncIterator[Broker]:
    async with Broker(valkey_server.url, index_limit=50) as broker:
        yield broker


async def run(broker: Broker, *job_ids: str, failing: bool = False, keep: float | None = 60) -> None:
    """Enqueue jobs, claim them and end them together."""
    await broker.enqueue_many([request_of("add", args=[1], job_id=one) for one in job_ids])
    for job in await claimed(broker, len(job_ids)):
        result = JobResult(
            job_id=job.lease.job_id,
            function="add",
            args=[1],
            kwargs={},
            tries=1,
            success=not failing,
            failure=Failure(type="ValueError", message="no") if failing else None,
            enqueue_time_ms=1,
            start_time_ms=2,
            finish_time_ms=3,
            queue=QUEUE,
        )
        assert await broker.finish(job.lease, result, keep=keep) is Transition.DONE


async def listed(broker: Broker, *, limit: int = 100, only_failed: bool = False) -> list[str]:
    """All ids that the pages have, in their order."""
    found: list[str] = []
    cursor = ""
    while True:
        page = await broker.finished_ids(QUEUE, only_failed=only_failed, limit=limit, cursor=cursor)
        found += [job_id for job_id, _ in page.entries]
        if not (cursor := page.cursor):
            return found


async def test_newest_first_and_failed_ones_apart(broker: Broker) -> None:
    for name in "abc":
        await run(broker, name, failing=name == "b")
    assert sorted(await listed(broker)) == ["a", "b", "c"]
    times = [time for _, time in (await broker.finished_ids(QUEUE)).entries]
    assert times == sorted(times, reverse=True)
    assert await listed(broker, only_failed=True) == ["b"]


@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_pages_hold_each_job_once_although_many_end_together(broker: Broker, limit: int) -> None:
    await run(broker, *(f"j{number}" for number in range(20)))
    assert sorted(await listed(broker, limit=limit)) == sorted(f"j{number}" for number in range(20))


async def test_a_page_goes_on_although_its_last_job_has_gone(
    broker: Broker, valkey_server: RedisServer
) -> None:
    await run(broker, *(f"j{number}" for number in range(9)))
    before = await listed(broker)
    page = await broker.finished_ids(QUEUE, limit=4)
    with valkey_server.client() as client:
        client.delete(f"arq:result:{before[3]}")
    await broker.forget_finished(QUEUE, [before[3]])
    assert before[3] not in await listed(broker)
    await run(broker, "new")
    rest = await broker.finished_ids(QUEUE, limit=10, cursor=page.cursor)
    assert [job_id for job_id, _ in rest.entries] == before[4:]


async def test_a_job_that_has_ended_again_is_not_forgotten(
    broker: Broker, valkey_server: RedisServer
) -> None:
    await run(broker, "a", "b", failing=True)
    with valkey_server.client() as client:
        client.delete("arq:result:a", "arq:result:b")  # a page finds that they have expired
    await run(broker, "a", failing=True)
    await broker.forget_finished(QUEUE, ["a", "b"])
    assert await listed(broker) == await listed(broker, only_failed=True) == ["a"]


async def test_times_limit_a_page(broker: Broker) -> None:
    await run(broker, "a")
    ((_, ended),) = (await broker.finished_ids(QUEUE)).entries
    for since, until, number in ((ended, ended, 1), (ended + 1, None, 0), (None, ended - 1, 0)):
        page = await broker.finished_ids(QUEUE, since_ms=since, until_ms=until)
        assert len(page.entries) == number


async def test_an_index_is_bounded(broker: Broker) -> None:
    for batch in range(4):
        await run(broker, *(f"{batch}-{number}" for number in range(20)), failing=True)
    assert len(await listed(broker)) == len(await listed(broker, only_failed=True)) == 50
    assert "3-0" in await listed(broker)
    assert "0-0" not in await listed(broker)


async def test_expired_results_leave_the_index(broker: Broker, valkey_server: RedisServer) -> None:
    await run(broker, *(f"old{number}" for number in range(20)))
    with valkey_server.client() as client:
        client.delete(*(f"arq:result:old{number}" for number in range(20)))
    for number in range(20):
        await run(broker, f"new{number}")
    assert sorted(await listed(broker)) == sorted(f"new{number}" for number in range(20))


async def test_an_index_expires_with_its_last_result(broker: Broker, valkey_server: RedisServer) -> None:
    with valkey_server.client() as client:
        await run(broker, "a", keep=100)
        assert 90 < client.ttl("arq:queue:index:finished") <= 100
        await run(broker, "b", keep=10)
        assert 90 < client.ttl("arq:queue:index:finished") <= 100
        await run(broker, "c", keep=None)
        assert client.ttl("arq:queue:index:finished") == -1


async def test_results_that_are_not_kept_are_not_listed(broker: Broker) -> None:
    await run(broker, "a", keep=0, failing=True)
    assert await listed(broker) == []


async def test_a_failed_job_keeps_its_request_as_long_as_its_result(
    broker: Broker, valkey_server: RedisServer
) -> None:
    await broker.enqueue(request_of("add", args=[1], job_id="a"))
    with valkey_server.client() as client:
        body = client.get("arq:job:a")
        (job,) = await claimed(broker)
        failure = Failure(type="TimeoutError", message="", code=FailureCode.TIMEOUT)
        result = JobResult(
            job_id="a", function="add", args=[1], kwargs={}, tries=1, success=False, failure=failure,
            enqueue_time_ms=1, start_time_ms=2, finish_time_ms=3, queue=QUEUE,
        )  # fmt: skip
        await broker.finish(job.lease, result, keep=77)
        assert client.get("arq:queue:kept-request:a") == body
        assert 60 < client.ttl("arq:queue:kept-request:a") <= 77
        assert client.exists("arq:job:a") == 0


@pytest.mark.parametrize("cursor", ["x", "5", "5:", ":a", "a:5"])
async def test_a_cursor_that_is_none_is_refused(broker: Broker, cursor: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of int, or of the cursor
        await broker.finished_ids(QUEUE, cursor=cursor)


async def test_a_key_of_another_type_spoils_the_list_alone(
    broker: Broker, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        client.set("arq:queue:index:finished", "x")
        client.lpush("arq:queue:kept-request:a", "x")
    await run(broker, "a", failing=True)
    assert await listed(broker) == []
    assert await listed(broker, only_failed=True) == ["a"]


async def test_an_abort_with_a_lower_limit_does_not_trim_what_workers_keep(
    broker: Broker, valkey_server: RedisServer
) -> None:
    await run(broker, *(f"j{number}" for number in range(9)), failing=True)
    async with Broker(valkey_server.url, index_limit=2) as other:
        for job_id in ("x", "y"):
            await other.enqueue(request_of("add", job_id=job_id))
            await other.abort(job_id)
    found = await listed(broker, only_failed=True)
    assert len(found) == 9, "nor does it get longer: it is over the limit of the one who aborts"
    assert set(found) >= {"x", "y"}
    assert len(await listed(broker)) == 9
