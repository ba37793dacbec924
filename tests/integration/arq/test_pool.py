"""arq's pool: what it enqueues, lists, and leaves alone."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from harness.servers.losing_proxy import Proxy
from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst, working
from harness.tools import free_port
from harness.waiting import eventually
from jobgate.arq import ArqRedis, Job, JobExecutionFailed, RedisSettings, SerializationError, create_pool
from jobgate.broker import Broker
from jobgate.client import GatewayUnavailable, InvalidOption, InvalidRequest, OutcomeUnknown

DAY = 86_400.0
#: Seconds by which times may differ: a test's own run time.
TOLERANCE = 4.0


@pytest.fixture
async def pool(server: RedisServer) -> AsyncIterator[ArqRedis]:
    async with await create_pool(RedisSettings.from_dsn(server.url)) as pool:
        yield pool


async def add(ctx: dict[str, Any], a: int, b: int = 1) -> int:
    return a + b


async def job_try(ctx: dict[str, Any]) -> int:
    return int(ctx["job_try"])


async def test_a_job_is_enqueued_and_its_result_returned(server: RedisServer, pool: ArqRedis) -> None:
    job = await pool.enqueue_job("add", 40, b=2)
    assert isinstance(job, Job)
    assert len(job.job_id) == 20
    assert repr(job) == f"<arq job {job.job_id}>"
    async with working([add], server.url):
        assert await job.result(timeout=60) == 42


async def test_an_id_is_taken_while_its_job_or_result_exists(server: RedisServer, pool: ArqRedis) -> None:
    assert await pool.enqueue_job("add", 1, _job_id="a") is not None
    assert await pool.enqueue_job("add", 2, _job_id="a") is None
    assert await pool.enqueue_job("add", 2, _job_id="a", _queue_name="other") is None
    await burst([add], server.url)
    assert await pool.enqueue_job("add", 2, _job_id="a") is None
    assert await Job("a", pool).result() == 2


@pytest.mark.parametrize(
    ("options", "due", "lives"),
    [
        pytest.param({}, 0, DAY, id="nothing"),
        pytest.param({"_defer_by": 10}, 10, DAY + 10, id="defer int"),
        pytest.param({"_defer_by": 10.5}, 10.5, DAY + 10.5, id="defer float"),
        pytest.param({"_defer_by": timedelta(minutes=1)}, 60, DAY + 60, id="defer timedelta"),
        pytest.param({"_defer_by": 0}, 0, DAY, id="defer 0"),
        pytest.param({"_defer_by": -10}, -10, DAY, id="defer negative"),
        pytest.param({"_expires": 10}, 0, 10, id="expires int"),
        pytest.param({"_expires": 10.5}, 0, 10.5, id="expires float"),
        pytest.param({"_expires": timedelta(minutes=1)}, 0, 60, id="expires timedelta"),
        pytest.param({"_expires": 0}, 0, DAY, id="expires 0"),
        pytest.param({"_expires": 10, "_defer_by": 100}, 100, 10, id="expires before it is due"),
    ],
)
async def test_deferral_and_expiry(
    server: RedisServer, pool: ArqRedis, options: dict[str, Any], due: float, lives: float
) -> None:
    now = time.time()
    assert await pool.enqueue_job("add", 1, _job_id="a", **options)
    with server.client() as client:
        score, left = client.zscore("arq:queue", "a"), client.pttl("arq:job:a")
    assert score == pytest.approx((now + due) * 1000, abs=TOLERANCE * 1000)
    assert left == pytest.approx(lives * 1000, abs=TOLERANCE * 1000)


@pytest.mark.parametrize(
    ("ahead", "is_aware"), [(60, True), (60, False), (-60, True), (-3 * DAY, True), (-3 * DAY, False)]
)
async def test_a_job_may_be_due_at_any_moment(
    server: RedisServer, pool: ArqRedis, ahead: float, is_aware: bool
) -> None:
    """With arq a moment of days ago is an error that leaves a ghost in the queue (arq #447)."""
    due = datetime.now(UTC) + timedelta(seconds=ahead)
    local = due.astimezone().replace(tzinfo=None)
    assert await pool.enqueue_job("add", 1, _defer_until=due if is_aware else local)
    (job,) = await pool.queued_jobs()
    assert job.score == int(due.timestamp() * 1000)
    if ahead < 0:
        await burst([add], server.url)
        assert [result.result for result in await pool.all_job_results()] == [2]


async def test_a_job_that_expires_before_it_is_due_never_runs(server: RedisServer, pool: ArqRedis) -> None:
    job = await pool.enqueue_job("add", 1, _expires=0.05, _defer_by=0.2)
    assert job is not None
    async with working([add], server.url):
        with pytest.raises(JobExecutionFailed, match="job expired") as caught:
            await job.result(timeout=60)
    assert (caught.value.code, isinstance(caught.value, RuntimeError)) == ("expired", True)


async def test_both_deferrals_contradict_each_other(server: RedisServer, pool: ArqRedis) -> None:
    with pytest.raises(RuntimeError, match="_defer_until"):
        await pool.enqueue_job("add", _defer_until=datetime.now(UTC), _defer_by=1)
    assert keys(server) == []


async def test_an_empty_id_is_none(pool: ArqRedis) -> None:
    job = await pool.enqueue_job("add", _job_id="")
    assert job is not None
    assert job.job_id


async def test_tries_go_on_counting(server: RedisServer, pool: ArqRedis) -> None:
    jobs = [await pool.enqueue_job("job_try", _job_try=number) for number in (None, 0, 1, 3)]
    await burst([job_try], server.url)
    assert [await job.result() for job in jobs if job] == [1, 1, 1, 3]


async def test_what_cannot_be_written_leaves_nothing_behind(server: RedisServer, pool: ArqRedis) -> None:
    with pytest.raises(SerializationError, match='unable to serialize job "add"'):
        await pool.enqueue_job("add", object())
    assert keys(server) == []


@pytest.mark.parametrize("options", [{"_expires": -1}, {"_defer_by": "soon"}, {"_defer_until": "soon"}])
async def test_options_that_make_no_sense_are_refused(
    server: RedisServer, pool: ArqRedis, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        await pool.enqueue_job("add", **options)
    assert keys(server) == []


async def test_a_lost_answer_is_not_taken_for_a_duplicate(redis_url: str) -> None:
    """arq returns None, whether the job was enqueued or not."""
    proxy = Proxy(int(redis_url.rpartition(":")[2]))
    await proxy.start()
    async with await create_pool(proxy.url) as pool:
        await pool.enqueue_job("add")  # opens the connection
        for number, what in enumerate(("request", "answer")):
            proxy.lose(what, 1)  # type: ignore[arg-type]
            assert await pool.enqueue_job("add", _job_id=str(number)) is not None
            assert proxy.lost
            assert len(await pool.queued_jobs()) == 2 + number
    await proxy.stop()


async def test_an_unknown_outcome_is_an_error(server: RedisServer) -> None:
    async with Broker(server.url, deadline=1.5) as broker, ArqRedis.from_url(server.url) as plain:
        pool = ArqRedis(plain, broker=broker)
        server.pause()
        with pytest.raises(OutcomeUnknown, match="Job 'a' may or may not exist") as caught:
            await pool.enqueue_job("add", _job_id="a")
        server.resume()
        assert getattr(caught.value, "job_id", None) == "a"
        assert isinstance(caught.value, RedisConnectionError)


async def test_a_redis_that_is_away_is_an_error_of_both_kinds(server: RedisServer) -> None:
    async with Broker(server.url, deadline=1.5) as broker, ArqRedis.from_url(server.url) as plain:
        pool = ArqRedis(plain, broker=broker)
        server.kill()
        calls = (pool.enqueue_job("add"), Job("a", pool).status())
        for error in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(error, GatewayUnavailable)
            assert isinstance(error, RedisError)


async def test_lists_survive_what_they_find(
    server: RedisServer, pool: ArqRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """With arq one missing body or one unreadable result is the end of the whole list (arq #466)."""
    for number in range(3):
        await pool.enqueue_job("add", number, _job_id=f"done-{number}")
    await burst([add], server.url)
    for number in range(300):
        await pool.enqueue_job("add", number, _job_id=f"job-{number}", _defer_by=1000 - number)
    with server.client() as client:
        client.delete("arq:job:job-0")
        client.set("arq:job:job-1", b"nonsense")
        client.set("arq:result:bad", b"nonsense")
    with caplog.at_level(logging.WARNING, "jobgate.client"):
        jobs, results = await pool.queued_jobs(), await pool.all_job_results()
    assert [job.job_id for job in jobs] == [f"job-{number}" for number in range(299, 1, -1)]
    assert (jobs[0].function, jobs[0].args, jobs[0].kwargs, jobs[0].job_try) == ("add", (299,), {}, None)
    assert [(result.job_id, result.result) for result in results] == [(f"done-{n}", n + 1) for n in range(3)]
    assert [record.getMessage() for record in caplog.records] == [
        "1 queued jobs cannot be read and are skipped, the first is 'job-1'",
        "1 results cannot be read and are skipped, the first is 'bad'",
    ]


async def test_lists_need_few_connections(server: RedisServer) -> None:
    """arq opens one for each job of a list, until Redis has none left (arq #394)."""
    async with await create_pool(RedisSettings(port=server.port, max_connections=2)) as pool:
        await asyncio.gather(*(pool.enqueue_job("add", n, _job_id=str(n)) for n in range(500)))
        await asyncio.gather(*(Job(str(n), pool).status() for n in range(500)))
        await asyncio.gather(*(pool.queued_jobs() for _ in range(10)))
        with server.client() as client:
            eventually(lambda: len(client.client_list()) <= 1 + 2 * 2, what="few connections")


async def test_it_is_a_client_of_redis_py(pool: ArqRedis) -> None:
    assert isinstance(pool, Redis)
    await pool.set("mine", "1")
    async with pool.pipeline(transaction=True) as pipe:
        pipe.incr("mine")
        pipe.get("mine")
        assert await pipe.execute() == [2, b"2"]
    await pool.zadd("scores", {"a": 1})
    assert await pool.zrange("scores", 0, -1, withscores=True) == [(b"a", 1.0)]


async def test_its_own_commands_wait_as_long_as_they_like(pool: ArqRedis) -> None:
    assert pool.connection_pool.connection_kwargs["socket_timeout"] is None


@dataclass
class Given:
    """A connection pool of the user's own."""

    pool: ConnectionPool
    arq: ArqRedis


@asynccontextmanager
async def given(server: RedisServer, *, as_client: bool = False, **options: Any) -> AsyncIterator[Given]:
    own = ConnectionPool.from_url(server.url, **options)
    made = ArqRedis(Redis(connection_pool=own) if as_client else own)
    yield Given(own, made)
    await made.aclose()
    await own.disconnect()


@pytest.mark.parametrize("as_client", [True, False])
async def test_a_pool_that_exists_can_be_passed_in(server: RedisServer, as_client: bool) -> None:
    async with given(server, as_client=as_client) as mine:
        job = await mine.arq.enqueue_job("add", 1)
        assert job is not None
        await mine.arq.set("x", 1)
        await mine.arq.aclose()
        # Only the pool that was passed in is open still.
        with server.client() as client:
            eventually(lambda: len(client.client_list()) == 2, what="closed connections")
        async with Redis(connection_pool=mine.pool) as other:
            assert await other.get("x") == b"1"


async def test_a_pool_that_decodes_answers_does_no_harm(server: RedisServer) -> None:
    """With arq it must not (arq #505); here jobs have connections of their own."""
    async with given(server, decode_responses=True, protocol=3) as mine:
        job = await mine.arq.enqueue_job("add", 1)
        assert job is not None
        await mine.arq.set("x", "1")
        assert await mine.arq.get("x") == "1"
        assert [each.job_id for each in await mine.arq.queued_jobs()] == [job.job_id]
        async with working([add], server.url):
            assert await job.result(timeout=60) == 2
        assert len(await mine.arq.all_job_results()) == 1


@pytest.mark.parametrize("value", [3, "redis://h", object()])
def test_anything_else_cannot_be_passed_in(value: Any) -> None:
    with pytest.raises(InvalidOption, match="pool_or_conn"):
        ArqRedis(value)


def test_an_unknown_serializer_is_refused() -> None:
    with pytest.raises(InvalidOption, match="json, msgpack, pickle"):
        ArqRedis(serializer="yaml")


async def test_it_can_be_used_again_after_it_was_closed(pool: ArqRedis) -> None:
    await pool.enqueue_job("add")
    await pool.close()
    await pool.close()
    await pool.enqueue_job("add")
    assert len(await pool.queued_jobs()) == 2


async def test_a_queue_and_a_namespace_of_its_own(server: RedisServer) -> None:
    async with await create_pool(
        server.url, namespace="mail", default_queue_name="mail:urgent", expires_extra_ms=5000
    ) as pool:
        job = await pool.enqueue_job("add", 1, _job_id="a")
        assert job is not None
        assert [each.job_id for each in await pool.queued_jobs()] == ["a"]
        assert await pool.queued_jobs(queue_name="mail:queue") == []
        with server.client() as client:
            assert client.pttl("mail:job:a") == pytest.approx(5000, abs=2000)
        async with working([add], server.url, namespace="mail", queue_name="mail:urgent"):
            assert await job.result(timeout=60) == 2


async def test_ones_own_functions_write_and_read(server: RedisServer) -> None:
    def dumps(fields: dict[str, Any]) -> bytes:
        return b"#" + orjson.dumps(fields)

    def loads(blob: bytes) -> dict[str, Any]:
        assert blob.startswith(b"#")
        loaded: dict[str, Any] = orjson.loads(blob[1:])
        return loaded

    own = {"job_serializer": dumps, "job_deserializer": loads}
    async with await create_pool(server.url, **own) as pool, await create_pool(server.url) as other:  # type: ignore[arg-type]
        job = await pool.enqueue_job("add", 1, _job_id="a")
        assert job is not None
        with server.client() as client:
            assert str(client.get("arq:job:a")).startswith("b'#{")
        async with working([add], server.url, **own):
            assert await job.result(timeout=60) == 2
        # A pool without them reads with a deserializer that the job brings.
        assert await Job("a", other, _deserializer=loads).result() == 2
        with pytest.raises(SerializationError):
            await Job("a", other).result()


async def test_it_waits_for_a_server_that_starts(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.kill()
    settings = RedisSettings(port=server.port, conn_retry_delay=0.05, conn_retries=100)
    with caplog.at_level(logging.WARNING, "jobgate.client"):
        connecting = asyncio.create_task(create_pool(settings))
        while not caplog.records:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(server.start)
        async with await connecting as pool:
            assert await pool.ping()
    assert caplog.records[0].getMessage().endswith("100 retries remaining...")


async def test_it_gives_up(caplog: pytest.LogCaptureFixture) -> None:
    settings = RedisSettings(port=free_port(), conn_retry_delay=0.01, conn_retries=5, password="secret")
    with pytest.raises(RedisConnectionError):
        await create_pool(settings, retry=3)
    assert len(caplog.records) == 2
    assert "secret" not in caplog.text


async def test_a_wrong_password_is_not_tried_twice(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AuthenticationError):
        await create_pool(RedisSettings(port=server.port, username="nobody", password="wrong"))
    assert caplog.records == []


async def test_arqs_own_settings_do(server: RedisServer) -> None:
    class Theirs:
        host, port, database, conn_timeout, conn_retries = "127.0.0.1", server.port, 0, 1, 0

    async with await create_pool(Theirs()) as pool:  # type: ignore[arg-type]
        assert await pool.ping()


async def test_settings_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidOption, match="settings_"):
        await create_pool("http://h")


@pytest.mark.parametrize(("settings", "again"), [({}, False), ({"retry_on_error": [RedisError]}, True)])
async def test_its_own_commands_are_repeated_as_the_settings_say(
    server: RedisServer, settings: dict[str, Any], again: bool
) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    where = RedisSettings.from_dsn(proxy.url)
    async with await create_pool(replace(where, **settings)) as pool:
        proxy.lose("answer", 1)
        if again:
            assert await pool.incr("a") == 2
        else:
            with pytest.raises(RedisConnectionError):
                await pool.incr("a")
        assert proxy.lost
    await proxy.stop()


def keys(server: RedisServer) -> list[Any]:
    with server.client() as client:
        return list(client.scan_iter())
