"""What programs and people of arq rely on besides calls: reprs, log lines, equality, names of its worker."""

import asyncio
import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from harness.systems.workers import burst, working
from jobgate.arq import (
    DeserializationError,
    FailedJobs,
    JobExecutionFailed,
    Retry,
    RetryJob,
    Worker,
    check_health,
    create_pool,
    cron,
    func,
    get_kwargs,
)
from jobgate.broker import Broker, JobRequest
from jobgate.client import Client, InvalidOption
from jobgate.worker import Settings, SettingsError

Ctx = dict[str, Any]


async def add(ctx: Ctx, a: int = 1) -> int:
    return a


async def again(ctx: Ctx) -> None:
    if ctx["job_try"] == 1:
        raise Retry


async def again_in_its_place(ctx: Ctx) -> None:
    if ctx["job_try"] == 1:
        raise RetryJob


async def never(ctx: Ctx) -> None:
    raise Retry


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and text of each line, without the seconds that a line begins with."""
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    return [(level, text[8:] if text[:7].strip().endswith("s") else text) for level, text in found]


# -- names and values


async def test_reprs_are_arqs(redis_url: str) -> None:
    worker = Worker([add], redis_settings=redis_url)
    assert repr(worker) == "<Worker j_complete=0 j_failed=0 j_retried=0 j_ongoing=0>"
    await worker.broker.close()
    assert (repr(Retry(5)), str(Retry())) == ("<Retry defer 5.00s>", "<Retry defer 0.00s>")
    async with await create_pool(redis_url) as pool:
        assert repr(await pool.enqueue_job("add", _job_id="k")) == "<arq job k>"


def test_failures_that_say_the_same_are_equal() -> None:
    assert JobExecutionFailed("x") == JobExecutionFailed("x")
    assert JobExecutionFailed("x") != JobExecutionFailed("y")
    assert JobExecutionFailed("x") != ValueError("x")
    assert len({JobExecutionFailed("x"), JobExecutionFailed("x")}) == 1


async def test_run_check_reports_what_cannot_be_read_as_arq_does(redis_url: str) -> None:
    async with await create_pool(redis_url) as pool:
        await pool.set("arq:job:k", b"no codec writes this")
        await pool.zadd("arq:queue", {"k": 1})
    worker = Worker([add], redis_settings=redis_url, handle_signals=False, burst=True)
    with pytest.raises(FailedJobs) as caught:
        await worker.run_check()
    assert type(caught.value.job_results[0].result) is DeserializationError


async def test_main_runs_and_tasks_are_told_by_id(redis_url: str) -> None:
    runs, ends = asyncio.Event(), asyncio.Event()

    async def slow(ctx: Ctx) -> None:
        runs.set()
        await ends.wait()

    async with working([func(slow, name="slow")], redis_url) as worker, Broker(redis_url) as broker:
        await broker.enqueue(JobRequest(function="slow", job_id="k"))
        await runs.wait()
        assert isinstance(worker.tasks["k"], asyncio.Task)
        assert repr(worker).endswith("j_ongoing=1>")
        ends.set()
    worker = Worker([func(slow, name="slow")], redis_settings=redis_url, handle_signals=False, burst=True)
    await worker.main()
    assert worker.tasks == {}


def test_get_kwargs_tells_what_is_a_setting() -> None:
    class Base:
        max_jobs = 3

    class WorkerSettings(Base):
        functions = (add,)
        other = 1

    assert get_kwargs(WorkerSettings) == {"functions": (add,), "max_jobs": 3}
    assert get_kwargs({"burst": True, "else": 0}) == {"burst": True}


def test_health_can_be_asked_for_without_functions(redis_url: str) -> None:
    class WorkerSettings:
        redis_settings = redis_url

    assert check_health(WorkerSettings) == 1
    with pytest.raises(SettingsError, match="at least one"):
        Worker(WorkerSettings)


def test_of_two_functions_of_one_name_the_last_is_used(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings.of({"functions": [add, again, func(add, max_tries=9)]})
    assert [(each.name, each.max_tries) for each in settings.functions] == [("add", 9), ("again", None)]
    assert caplog.messages == ["functions contains 'add' more than once: the last one is used"]


async def test_what_cannot_be_read_is_told_in_arqs_words(redis_url: str) -> None:
    async with await create_pool(redis_url) as pool:
        job = await pool.enqueue_job("add", _job_id="k")
        assert job is not None
        await pool.set("arq:job:k", b"no codec writes this")
        with pytest.raises(DeserializationError, match=r"^unable to deserialize job: Stored"):
            await job.info()
        await pool.set("arq:result:k", b"no codec writes this")
        for ask in (job.info, job.result, job.result_info):
            with pytest.raises(DeserializationError, match=r"^unable to deserialize job result: Stored"):
                await ask()
        with pytest.warns(DeprecationWarning, match='"pole_delay" is deprecated, use the correct spelling'):
            await asyncio.gather(job.result(pole_delay=0), return_exceptions=True)


# -- options


async def test_what_looks_like_an_option_is_no_argument(redis_url: str) -> None:
    async with await create_pool(redis_url) as pool:
        with pytest.raises(InvalidOption, match="'_queue' is not an option here: did you mean _queue_name"):
            await pool.enqueue_job("add", _queue="x")
        with pytest.raises(InvalidOption, match="'_max_tries' is not an option here"):
            await pool.enqueue_job("add", _max_tries=3)
        assert await pool.keys("*") == []
    for url in (redis_url, "http://localhost:1"):
        async with Client(url, registry=CollectorRegistry()) as client:
            for ask in (client.enqueue, client.call):
                with pytest.raises(
                    InvalidOption, match="'_max_try' is not an option here: did you mean _max_tries"
                ):
                    await ask("add", _max_try=3)


# -- log lines


async def test_lines_that_people_look_for(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with await create_pool(redis_url, retry=1) as pool:
        assert ("INFO", "redis connection successful") in lines(caplog)
        await pool.enqueue_job("nowhere", _job_id="a")
        await pool.enqueue_job("add", _job_id="b")
        await pool.delete("arq:job:b")
        await pool.enqueue_job("again", _job_id="c")
        await pool.enqueue_job("again_in_its_place", _job_id="e")
        await pool.enqueue_job("never", _job_id="d")
        await pool.set("arq:retry:d", 9)
    jobs = [cron(add, name="cron:add", month=2, day=29, run_at_startup=True)]
    caplog.clear()
    await burst({"functions": [again, again_in_its_place, never], "cron_jobs": jobs}, redis_url)
    told = lines(caplog)
    assert ("INFO", "Starting worker for 4 functions: again, again_in_its_place, never, cron:add") in told
    assert ("WARNING", "job a, function 'nowhere' not found") in told
    assert ("WARNING", "job b expired") in told
    assert ("INFO", "↻ c:again retrying job in 0.00s") in told
    assert ("INFO", "↻ e:again_in_its_place cancelled, will be run again") in told
    assert any(
        line[0] == "WARNING" and line[1].startswith("! d:never max retries 5 exceeded") for line in told
    )
    assert ("INFO", "← cron:add ● 1") in told
    caplog.clear()
    await burst([add], redis_url)
    assert ("INFO", "Starting worker for 1 functions: add") in lines(caplog)
