"""One contract for both transports and both clients: what holds over HTTP holds straight through Redis."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from harness.http.awaited import Awaited
from harness.processes.commands import REPOSITORY, Processes
from harness.servers.redis_server import RedisServer
from harness.tools import free_port, valkey_binary
from harness.waiting import eventually_async
from jobgate.client import (
    BlockingClient,
    Client,
    ClientClosed,
    ErrorInfo,
    GatewayUnavailable,
    InvalidArguments,
    InvalidOption,
    InvalidRequest,
    JobAborted,
    JobEventKind,
    JobExists,
    JobFailed,
    JobHandle,
    JobNotFound,
    JobStatus,
    NeedsGateway,
    NotFinished,
    OutcomeUnknown,
    ResultTimeout,
    UnknownFunction,
)

SETTINGS = "harness.functions.client_worker.WorkerSettings"
#: No worker serves it.
IDLE_QUEUE = "arq:idle"


@dataclass(frozen=True)
class Stack:
    """A server, a worker and a gateway of these tests' own."""

    server: RedisServer
    processes: Processes
    gateway_url: str

    def url(self, transport: str) -> str:
        return self.gateway_url if transport == "http" else self.server.url


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("client")
    server = RedisServer(valkey_binary(), directory / "server").start()
    processes = Processes(directory)
    try:
        processes.worker(SETTINGS, server.url, cwd=REPOSITORY / "tests")
        gateway = processes.gateway(server.url)
        yield Stack(server, processes, gateway.url)
    finally:
        processes.end_all()
        server.kill()


@pytest.fixture(params=["http", "redis"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture(params=["async", "blocking"])
async def client(
    stack: Stack, transport: str, registry: CollectorRegistry, request: pytest.FixtureRequest
) -> AsyncIterator[Client]:
    url = stack.url(transport)
    if request.param == "blocking":
        with BlockingClient(url, timeout=60, registry=registry) as blocking:
            yield cast(Client, Awaited(blocking))
        return
    async with Client(url, timeout=60, registry=registry) as client:
        yield client


#: For tests that take seconds, or cancel a call as only an asyncio program can.
async_only = pytest.mark.parametrize("client", ["async"], indirect=True)


async def until(job: JobHandle, status: JobStatus) -> None:
    async def reached() -> bool:
        try:
            return await job.status() is status
        except JobNotFound:
            return False

    await eventually_async(reached, what=f"{job} {status}")


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -(2**63), 2**64 - 1, 1.5, -0.0, "", "ü☃\U0001f600\0", [], {}, [{"a": [None, "b"]}]],
    ids=repr,
)
async def test_values_travel_there_and_back(client: Client, value: Any) -> None:
    assert await client.call("echo", value, key=value) == {"args": [value], "kwargs": {"key": value}}


async def test_names_of_the_clients_own_arguments_are_free_for_the_function(client: Client) -> None:
    got = await client.call("echo", self=1, function=2, args=3, kwargs=4, timeout=5)
    assert got["kwargs"] == {"self": 1, "function": 2, "args": 3, "kwargs": 4, "timeout": 5}


async def test_an_enqueued_job_can_be_followed_to_its_result(client: Client) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    job = await client.enqueue("add", 1, b=2)
    assert await job.result() == 3
    info = await job.info()
    assert (info.job_id, info.function, info.queue) == (job.id, "add", "arq:queue")
    assert (info.status, info.success, info.tries) == (JobStatus.COMPLETE, True, 1)
    assert info.enqueue_time is not None
    assert info.start_time is not None
    assert info.finish_time is not None
    after = datetime.now(UTC) + timedelta(seconds=1)
    assert before < info.enqueue_time <= info.start_time <= info.finish_time < after
    assert info.worker
    assert await client.job(job.id).result(timeout=0) == 3


@pytest.mark.parametrize(
    "options",
    [
        lambda: {"_defer_by": timedelta(minutes=5)},
        lambda: {"_defer_until": datetime.now(UTC) + timedelta(minutes=5)},
        # A naive one is local time.
        lambda: {"_defer_until": datetime.now() + timedelta(minutes=5)},  # noqa: DTZ005
    ],
    ids=["by", "until", "until-naive"],
)
async def test_a_deferred_job_waits_and_can_be_aborted(
    client: Client, options: Callable[[], dict[str, Any]]
) -> None:
    job = await client.enqueue("add", 1, **options())
    info = await job.info()
    assert info.status is JobStatus.DEFERRED
    assert info.due_time is not None
    assert timedelta(minutes=4) < info.due_time - datetime.now(UTC) < timedelta(minutes=6)
    assert await job.abort() is True
    with pytest.raises(JobAborted) as caught:
        await job.result()
    assert caught.value.code == "aborted"
    assert (await job.info()).success is False


async def test_a_job_is_started_when_it_is_due(client: Client) -> None:
    job = await client.enqueue("add", 1, _defer_by=0.3)
    assert await job.result() == 2
    info = await job.info()
    assert info.enqueue_time is not None
    assert info.start_time is not None
    assert info.start_time - info.enqueue_time >= timedelta(seconds=0.29)


async def test_a_failure_has_type_message_and_code(client: Client) -> None:
    with pytest.raises(JobFailed) as caught:
        await client.call("fail", "broken, \u2603")
    error = caught.value
    assert (error.type, error.message, error.code) == ("ValueError", "broken, \u2603", "error")
    assert error.job is not None
    assert (await error.job.info()).success is False


@async_only
async def test_a_call_that_takes_too_long_can_be_picked_up_again(client: Client) -> None:
    with pytest.raises(ResultTimeout) as caught:
        await client.call("sleep", 1.5, _timeout=0.1)
    job = caught.value.job
    assert job is not None
    with pytest.raises(ResultTimeout):
        await job.result(timeout=0)
    assert await job.result(timeout=timedelta(seconds=60)) == "slept"


async def test_a_running_job_is_aborted(client: Client) -> None:
    job = await client.enqueue("sleep", 60)
    await until(job, JobStatus.IN_PROGRESS)
    assert await job.abort() is True
    assert await job.abort() is True
    with pytest.raises(JobAborted):
        await job.result()


async def test_a_job_that_has_ended_cannot_be_aborted(client: Client) -> None:
    job = await client.enqueue("add", 1)
    assert await job.result() == 2
    assert await job.abort() is False
    assert await job.result() == 2


async def test_a_failed_job_runs_again_once(client: Client) -> None:
    job = await client.enqueue("fail", "broken")
    with pytest.raises(JobFailed):
        await job.result()
    again = await job.retry()
    assert (again.id != job.id, again.queue) == (True, job.queue)
    with pytest.raises(JobFailed, match="broken"):
        await again.result()
    assert ((await again.info()).retry_of, (await job.info()).retried_as) == (job.id, again.id)
    assert (await job.info()).error == ErrorInfo(type="ValueError", message="broken", code="error")
    assert (await job.retry()).id == again.id
    waiting = await client.enqueue("add", 1, _defer_by=600)
    with pytest.raises(NotFinished):
        await waiting.retry()
    await waiting.abort()


async def test_an_id_can_be_used_once(client: Client, transport: str) -> None:
    job_id = f"once.{transport}.{type(client).__name__}"
    assert await client.call("add", 1, _job_id=job_id) == 2
    for again in (client.call, client.enqueue):
        with pytest.raises(JobExists) as caught:
            await again("add", 5, _job_id=job_id)
        assert caught.value.job is not None
        assert await caught.value.job.result() == 2


async def test_an_unknown_function_is_named_with_its_neighbours(client: Client) -> None:
    for ask in (client.call, client.enqueue):
        with pytest.raises(UnknownFunction) as caught:
            await ask("eco")
        assert caught.value.near == ("echo",)


async def test_arguments_that_do_not_fit_are_refused(client: Client) -> None:
    with pytest.raises(InvalidArguments):
        await client.call("add", nope=1)


@pytest.mark.parametrize("value", [float("nan"), {1j}, object(), 2**64], ids=type)
async def test_arguments_that_cannot_be_sent_enqueue_nothing(client: Client, value: Any) -> None:
    with pytest.raises(InvalidArguments) as caught:
        await client.enqueue("echo", value)
    assert caught.value.job is not None
    with pytest.raises(JobNotFound):
        await caught.value.job.info()


async def test_an_unknown_job_is_not_found_whatever_is_asked(client: Client) -> None:
    job = client.job("nobody-knows-it")
    for ask in (job.status, job.info, job.result, job.abort, job.retry):
        with pytest.raises(JobNotFound) as caught:
            await ask()
        assert type(caught.value) is JobNotFound
        assert caught.value.job is job


async def test_a_result_that_is_not_kept_is_gone(client: Client) -> None:
    job = await client.enqueue("sleep", 0, _keep_result=0)

    async def gone() -> bool:
        with suppress(JobNotFound):
            await job.status()
            return False
        return True

    await eventually_async(gone, what="the end of the job")
    with pytest.raises(JobNotFound):
        await job.result(timeout=0)


async def test_a_queue_can_be_named(client: Client) -> None:
    job = await client.enqueue("add", 1, _queue=IDLE_QUEUE)
    assert job.queue == IDLE_QUEUE
    info = await job.info()
    assert (info.status, info.queue, info.tries) == (JobStatus.QUEUED, IDLE_QUEUE, 0)
    with pytest.raises(ResultTimeout):
        await job.result(timeout=0.1)
    assert await client.job(job.id, queue=IDLE_QUEUE).abort() is True


async def test_tries_are_counted_and_can_be_limited(client: Client) -> None:
    job = await client.enqueue("flaky", 3)
    assert await job.result() == 3
    info = await job.info()
    assert info.tries == 3
    assert [(one.number, one.worker, one.error, one.lost) for one in info.earlier_tries] == [
        (number, info.worker, None, False) for number in (1, 2)
    ]
    ends = [one.end_time for one in info.earlier_tries]
    assert sorted([*ends, info.start_time]) == [*ends, info.start_time], "aware times, in order"  # type: ignore[type-var]
    with pytest.raises(JobFailed) as caught:
        await client.call("flaky", 3, _max_tries=2)
    assert caught.value.code == "max-tries"


@async_only
async def test_lists_and_events_leave_earlier_tries_out(client: Client) -> None:
    job = await client.enqueue("flaky", 2)
    assert await job.result() == 2
    (event,) = [event async for event in job.events()]
    (listed,) = [one async for one in client.jobs(status="complete", function="flaky", limit=1)]
    assert (await job.info()).earlier_tries
    assert event.job.earlier_tries == listed.earlier_tries == ()
    assert event.job == listed


async def test_the_run_time_can_be_limited(client: Client) -> None:
    with pytest.raises(JobFailed) as caught:
        await client.call("sleep", 60, _run_timeout=0.1)
    assert caught.value.code == "timeout"


async def test_many_calls_at_the_same_time_get_their_own_results(client: Client) -> None:
    results = await asyncio.gather(*(client.call("add", number) for number in range(300)))
    assert results == list(range(1, 301))


@async_only
async def test_a_caller_that_gives_up_leaves_the_job_alone(
    client: Client, registry: CollectorRegistry, tmp_path: Path
) -> None:
    job_id = tmp_path.name.replace("[", "-").replace("]", "")
    call = asyncio.create_task(client.call("sleep", 1.5, _job_id=job_id))
    job = client.job(job_id)
    await until(job, JobStatus.IN_PROGRESS)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await job.result() == "slept"
    labels = {"function": "sleep", "outcome": "cancelled"}
    assert registry.get_sample_value("jobgate_client_calls_total", labels) == 1


async def test_calls_and_enqueues_are_counted_by_outcome(client: Client, registry: CollectorRegistry) -> None:
    await client.call("add", 1)
    await client.enqueue("add", 1)
    with pytest.raises(JobFailed):
        await client.call("fail", "x")
    counted = {
        (sample.name, sample.labels["function"], sample.labels["outcome"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name in {"jobgate_client_calls_total", "jobgate_client_enqueues_total"}
    }
    assert counted == {
        ("jobgate_client_calls_total", "add", "success"): 1,
        ("jobgate_client_calls_total", "fail", "failed"): 1,
        ("jobgate_client_enqueues_total", "add", "success"): 1,
    }


async def test_jobs_are_listed_by_their_filters(client: Client, transport: str) -> None:
    queue = f"arq:listed.{transport}.{type(client).__name__}"
    options: dict[str, Any] = {"_queue": queue}
    # Of those that are due in the same millisecond, the ids decide.
    mark = queue.removeprefix("arq:")
    waiting = [await client.enqueue("add", _job_id=f"{mark}.{number}", **options) for number in range(3)]
    late = await client.enqueue("echo", _defer_by=60, **options)
    ids = [job.id for job in (*waiting, late)]
    await waiting[0].abort()

    async def listed(**which: Any) -> list[str]:
        return [job.job_id async for job in client.jobs(queue=queue, **which)]

    assert await listed() == [*ids[1:], ids[0]], "what waits by due time, then what has ended"
    assert await listed(limit=2) == ids[1:3]
    assert await listed(status="deferred") == [late.id] == await listed(function="echo")
    assert await listed(status=JobStatus.COMPLETE) == [ids[0]] == await listed(success=False)
    assert await listed(code="aborted") == [ids[0]] == await listed(error_type="CancelledError")
    newest = await listed(order="newest")
    assert (newest[0], sorted(newest)) == (late.id, sorted(ids))
    everywhere = [job.job_id async for job in client.jobs(queue="*", order="newest")]
    is_known = queue in {each.queue for each in await client.queues()}  # gateways note the queues in use
    assert [job_id for job_id in everywhere if job_id in ids] == (newest if is_known else [])
    assert await listed(code="timeout") == [] == await listed(success=True)
    with pytest.raises(InvalidRequest, match="code must be"):
        await listed(code="bad-luck")
    now = datetime.now(UTC)
    assert await listed(since=now + timedelta(seconds=30)) == [late.id]
    assert late.id not in await listed(until=now + timedelta(seconds=30))
    found = [job async for job in client.jobs(queue=queue)]
    assert found[-1] == await waiting[0].info()


async def test_failures_are_counted_by_function_and_error(stack: Stack, client: Client) -> None:
    begun = datetime.now(UTC)
    queue = "arq:queue"
    before = await client.failures(queue=queue, function="fail")
    for message in ("one", "two"):
        with pytest.raises(JobFailed):
            await client.call("fail", message)
    job = await client.enqueue("sleep", 60)
    await until(job, JobStatus.IN_PROGRESS)
    await job.abort()
    found = await client.failures(queue=queue, function="fail")
    assert found.failed == before.failed + 2
    (group,) = found.groups
    assert (group.function, group.type, group.code, group.message) == ("fail", "ValueError", "error", "two")
    assert (group.failed, group.queue, sum(group.series)) == (found.failed, queue, found.failed)
    assert found.series == group.series
    recent = await client.failures(since=begun - timedelta(seconds=1), error_type="ValueError", limit=1)
    assert (recent.failed >= 2, len(recent.groups), recent.counted_all) == (True, 1, True)
    aborted = await client.failures(code="aborted", function="sleep")
    assert {one.type for one in aborted.groups} == {"CancelledError"}
    assert (await client.failures(function="never")).groups == ()
    for wrong in ({"code": "bad-luck"}, {"limit": 1001}, {"queue": "arq:abort"}):
        with pytest.raises(InvalidRequest):
            await client.failures(**wrong)
    async with Client(stack.server.url, registry=CollectorRegistry()) as direct:
        both = [await each.failures(queue=queue) for each in (client, direct)]
    # Without the series: a minute may have passed in between.
    one, other = ([replace(group, series=()) for group in each.groups] for each in both)
    assert one == other


async def test_queues_are_paused_and_resumed(client: Client, transport: str) -> None:
    queue = f"arq:paused.{transport}.{type(client).__name__}"
    paused = await client.pause(queue)
    assert (paused.queue, paused.paused, paused.queued) == (queue, True, 0)
    assert paused.paused_since is not None
    assert await client.pause(queue) == paused
    assert paused in await client.queues()
    assert (await client.resume(queue)).paused is False
    for ask in (client.queue, client.pause, client.resume):
        with pytest.raises(InvalidRequest):
            await ask("arq:abort")


async def test_operators_see_the_same_over_both_transports(stack: Stack, client: Client) -> None:
    with pytest.raises(JobFailed):
        await client.call("fail", "seen")
    async with Client(stack.server.url, registry=CollectorRegistry()) as direct:
        (worker,), (other,) = await client.workers(), await direct.workers()
        names = ("worker", "host", "pid", "queues", "functions", "start_time", "max_jobs")
        for name in names:
            assert getattr(worker, name) == getattr(other, name)
        assert "add" in (worker.functions or ())
        functions = {one.name: one for one in await client.functions()}
        assert functions == {one.name: one for one in await direct.functions()}
        first, second = functions["add"].parameters or ()
        assert (first.name, first.required, first.has_default) == ("a", True, False)
        assert (second.default, second.has_default) == (1, True)
        queue = await client.queue("arq:queue")
        assert (queue.workers, queue.last_hour.functions["fail"].failed > 0) == (1, True)
        assert queue.last_hour == (await direct.queue("arq:queue")).last_hour


async def test_many_jobs_are_retried_and_aborted(client: Client, transport: str) -> None:
    queue = f"arq:bulk.{transport}.{type(client).__name__}"
    jobs = [await client.enqueue("add", number, _queue=queue) for number in range(3)]
    if transport == "redis":
        with pytest.raises(NeedsGateway, match="bulk_retry"):
            await client.bulk_retry(queue=queue)
        with pytest.raises(NeedsGateway, match="bulk_abort"):
            await client.bulk_abort(queue=queue, dry_run=True)
        return
    assert (await client.bulk_abort(queue=queue, dry_run=True)).matched == 3
    aborted = await (await client.bulk_abort([job.id for job in jobs[:2]])).result()
    assert (aborted.matched, aborted.done, aborted.limit_reached) == (2, 2, False)
    operation = await client.bulk_retry(queue=queue, code="aborted", function="add", limit=1)
    retried = await operation.result()
    assert (retried.done, retried.limit_reached) == (1, True)
    assert (await operation.info()).queue == "arq:operations"
    again = await (await client.bulk_retry(queue=queue, code="aborted")).result()
    assert (again.matched, again.done, again.skipped) == (2, 1, {"already-retried": 1})


async def test_it_must_be_said_which_jobs_are_meant(client: Client) -> None:
    wrong: list[dict[str, Any]] = [
        {},
        {"ids": []},
        {"ids": "ab"},
        {"ids": ["a"], "queue": "q"},
        {"since": "1h"},
    ]
    for which in wrong:
        with pytest.raises(InvalidOption):
            await client.bulk_retry(**which)
    with pytest.raises(InvalidOption, match="did you mean function"):
        await client.bulk_abort(funktion="add")  # type: ignore[call-overload]
    with pytest.raises(InvalidOption, match="status must be deferred"):
        [job async for job in client.jobs(status="done")]


def test_a_blocking_caller_follows_a_job(stack: Stack, transport: str) -> None:
    with BlockingClient(stack.url(transport), registry=CollectorRegistry()) as client:
        job = client.enqueue("sleep", 0.2)
        *_, last = job.events()
        assert (last.kind, last.job.success) == (JobEventKind.FINISHED, True)
        assert [event.kind for event in job.events()] == [JobEventKind.FINISHED]
        left = client.enqueue("sleep", 60)
        for event in left.events():
            assert event.job.job_id == left.id
            break
        assert left.abort() is True
        nobody = client.job("nobody")
        with pytest.raises(JobNotFound) as caught:
            next(nobody.events())
        assert caught.value.job is nobody
        open_one = client.enqueue("sleep", 0.1, _defer_by=60).events()
        next(open_one)
    with pytest.raises(ClientClosed):
        next(open_one)


async def test_a_closed_client_says_so(stack: Stack, transport: str) -> None:
    client = Client(stack.url(transport), registry=CollectorRegistry())
    for _ in range(2):
        with pytest.raises(ClientClosed):
            await client.call("add", 1)
        with pytest.raises(ClientClosed):
            await client.job("a").result()
        async with client:
            assert await client.call("add", 1) == 2
    await client.close()


async def test_the_last_of_several_blocks_closes(stack: Stack, transport: str) -> None:
    client = Client(stack.url(transport), registry=CollectorRegistry())

    async def block(number: int) -> Any:
        async with client:
            return await client.call("add", number)

    assert await asyncio.gather(*(block(number) for number in range(5))) == [1, 2, 3, 4, 5]
    with pytest.raises(ClientClosed):
        await client.call("add", 1)
    async with client, client:
        await client.close()
        with pytest.raises(ClientClosed):
            await client.call("add", 1)


@pytest.mark.parametrize("ask", ["call", "enqueue"])
async def test_entering_waits_for_nothing_and_a_call_names_address_and_cause_in_time(
    transport: str, ask: str
) -> None:
    port = free_port()
    url = {"http": f"http://127.0.0.1:{port}", "redis": f"redis://:s3cret@127.0.0.1:{port}/0"}[transport]
    client = Client(url, request_timeout=2, registry=CollectorRegistry())
    start = monotonic()
    async with client:
        assert monotonic() - start < 3
        start = monotonic()
        with pytest.raises(GatewayUnavailable) as caught:
            await (client.call("add", 1, _timeout=2) if ask == "call" else client.enqueue("add", 1))
        assert 1 < monotonic() - start < 12, "by itself it tries on for 15 s"
        start = monotonic()
    assert monotonic() - start < 3
    text = "".join(traceback.format_exception(caught.value))
    assert type(caught.value) is GatewayUnavailable
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "Connect call failed" in str(caught.value)
    assert text.count("Traceback") == 1
    assert "s3cret" not in text


async def test_redis_away_is_an_error_in_time_and_over_when_it_is_back(
    tmp_path: Path, processes: Processes, transport: str
) -> None:
    server = RedisServer(valkey_binary(), tmp_path / "server").start()
    url = processes.gateway(server.url).url if transport == "http" else server.url
    try:
        async with Client(url, request_timeout=3, registry=CollectorRegistry()) as client:
            job = await client.enqueue("add", 1)
            server.stop()
            calls = (client.enqueue("add", 2), job.status())
            errors = await asyncio.gather(*calls, return_exceptions=True)
            assert [isinstance(error, GatewayUnavailable) for error in errors] == [True, True]
            server.start()
            assert await job.status() is JobStatus.QUEUED
    finally:
        server.kill()


async def test_a_frozen_redis_does_not_hold_the_caller_longer_than_asked(
    tmp_path: Path, processes: Processes, transport: str
) -> None:
    server = RedisServer(valkey_binary(), tmp_path / "server").start()
    url = processes.gateway(server.url).url if transport == "http" else server.url
    try:
        async with Client(url, registry=CollectorRegistry()) as client:
            call = asyncio.create_task(client.call("add", 1, _timeout=1.5, _job_id="a"))
            await until(client.job("a"), JobStatus.QUEUED)
            server.pause()
            start = monotonic()
            # Over HTTP the enqueue is acknowledged by the same answer that does not come.
            with pytest.raises((ResultTimeout, OutcomeUnknown)):
                await call
            assert monotonic() - start < 1.5 + 1.0 + 2.5, "Redis is given 5 s elsewhere"
            server.resume()
            assert await client.job("a").status() is JobStatus.QUEUED
    finally:
        server.kill()


async def test_a_call_outlives_the_restart_of_redis(
    tmp_path: Path, processes: Processes, transport: str
) -> None:
    server = RedisServer(valkey_binary(), tmp_path / "server", {"appendfsync": "always"}).start()
    url = processes.gateway(server.url).url if transport == "http" else server.url
    processes.worker(SETTINGS, server.url, cwd=REPOSITORY / "tests")
    try:
        async with Client(url, registry=CollectorRegistry()) as client:
            call = asyncio.create_task(client.call("sleep", 3, _timeout=60, _job_id="a"))
            await until(client.job("a"), JobStatus.IN_PROGRESS)
            await asyncio.to_thread(server.restart)
            assert await call == "slept"
    finally:
        server.kill()


@pytest.mark.parametrize("how", ["kill", "terminate"])
async def test_a_call_outlives_the_restart_of_its_gateway(
    stack: Stack, processes: Processes, tmp_path: Path, how: str
) -> None:
    gateway = processes.gateway(stack.server.url, "--drain", "0")
    port = int(gateway.url.rpartition(":")[2])
    history = tmp_path / "history"
    async with Client(gateway.url, registry=CollectorRegistry()) as client:
        calls = [asyncio.create_task(client.call("sleep", 1.5, _timeout=60)) for _ in range(10)]
        job = await client.enqueue("append", str(history), _defer_by=1)
        await asyncio.to_thread(getattr(gateway, how))
        calls.append(asyncio.create_task(client.call("append", str(history), _timeout=60)))
        await asyncio.to_thread(processes.gateway, stack.server.url, port=port)
        assert await asyncio.gather(*calls) == ["slept"] * 10 + [1]
        assert await job.result() == 1
    assert len(history.read_text().splitlines()) == 2


async def test_of_a_job_whose_body_is_gone_the_id_is_left(
    stack: Stack, client: Client, transport: str
) -> None:
    job_id = f"no-body-{transport}-{type(client).__name__}"
    with stack.server.client() as redis:
        redis.zadd("arq:queue", {job_id: 1})
    job = client.job(job_id)
    await until(job, JobStatus.COMPLETE)
    with pytest.raises(JobFailed, match="job expired"):
        await job.result()
    info = await job.info()
    assert (info.function, info.enqueue_time, info.tries) == (None, None, 1)
