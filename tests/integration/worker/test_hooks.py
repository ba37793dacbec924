"""Hooks around a run: they learn the outcome, and whatever they do the worker lives and the job ends."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from harness.systems.workers import burst, busy, complete, enqueue, outcome, working
from harness.waiting import eventually_async
from jobgate.broker import Broker, FailureCode
from jobgate.worker import JobOutcome, Retry, func

Ctx = dict[str, Any]


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def add(ctx: Ctx, a: int) -> int:
    return a + 1


async def fail(ctx: Ctx) -> None:
    raise LookupError("no such thing")


async def flaky(ctx: Ctx) -> str:
    if ctx["job_try"] == 1:
        raise ConnectionError("gone")
    return "there"


async def again(ctx: Ctx) -> None:
    if ctx["job_try"] == 1:
        raise Retry(0.01)


async def unstorable(ctx: Ctx) -> object:
    return object()


async def hang(ctx: Ctx) -> None:
    await asyncio.Event().wait()


ALL = [add, fail, func(flaky, retry_on=ConnectionError, backoff=0), again, unstorable, hang]


class Told:
    """Hooks that note what they are told."""

    def __init__(self) -> None:
        self.at_end: list[JobOutcome] = []
        self.after: list[JobOutcome] = []
        self.settings = {
            "functions": ALL,
            "on_job_end": lambda ctx: self.at_end.append(ctx["outcome"]),
            "after_job_end": self._after,
        }

    async def _after(self, ctx: Ctx) -> None:
        self.after.append(ctx["outcome"])


async def test_a_success_is_told(broker: Broker, redis_url: str) -> None:
    told = Told()
    await enqueue(broker, "add", 41)
    await burst(told.settings, redis_url)
    (told_at_end,) = told.at_end
    assert told_at_end == told.after[0]
    assert (told_at_end.success, told_at_end.result, told_at_end.tries) == (True, 42, 1)
    assert (told_at_end.retried, told_at_end.lost, told_at_end.failure) == (False, False, None)
    assert 0 <= told_at_end.duration < 60


async def test_a_failure_is_told_with_its_exception(broker: Broker, redis_url: str) -> None:
    told = Told()
    await enqueue(broker, "fail")
    await burst(told.settings, redis_url)
    (one,) = told.after
    assert one.failure is not None
    assert (one.success, one.failure.code, one.failure.type) == (False, FailureCode.ERROR, "LookupError")
    assert isinstance(one.exception, LookupError)


@pytest.mark.parametrize(
    ("function", "exception", "defer"), [("flaky", ConnectionError, 0), ("again", type(None), 0.01)]
)
async def test_a_job_that_runs_again_is_told(
    broker: Broker, redis_url: str, function: str, exception: type, defer: float
) -> None:
    told = Told()
    await enqueue(broker, function)
    await burst(told.settings, redis_url)
    first, second = told.after
    assert (first.retried, first.success, first.failure, first.defer) == (True, False, None, defer)
    assert isinstance(first.exception, exception)
    assert (second.retried, second.success, second.tries) == (False, True, 2)


async def test_what_was_stored_in_the_end_is_told_after_it(broker: Broker, redis_url: str) -> None:
    told = Told()
    await enqueue(broker, "unstorable")
    await burst(told.settings, redis_url)
    assert told.at_end[0].success
    assert told.after[0].failure is not None
    assert told.after[0].failure.code is FailureCode.UNSERIALISABLE_RESULT


async def test_a_job_that_a_stopping_worker_gives_back_is_told(broker: Broker, redis_url: str) -> None:
    told = Told()
    async with working(told.settings, redis_url) as worker:
        await enqueue(broker, "hang")
        await busy(worker)
    assert [one.retried for one in told.after] == [True]


@pytest.mark.parametrize("function", ["add", "again"])
async def test_the_next_job_of_an_id_does_not_wait_for_the_last_ones_hook(
    broker: Broker, redis_url: str, function: str
) -> None:
    may_end = asyncio.Event()
    tries: list[int] = []

    async def after(ctx: Ctx) -> None:
        tries.append(ctx["job_try"])
        if len(tries) == 1:
            await may_end.wait()

    async def told(count: int) -> bool:
        return len(tries) >= count

    settings = {"functions": ALL, "after_job_end": after, "keep_result": 0}
    async with working(settings, redis_url):
        await enqueue(broker, function, *[1] * (function == "add"), job_id="same")
        await eventually_async(lambda: told(1), what="the hook of the first")
        if function == "add":
            await enqueue(broker, function, 1, job_id="same")
        await eventually_async(lambda: told(2), what="the hook of the second")
        may_end.set()
    assert tries == ([1, 1] if function == "add" else [1, 2])


async def test_a_hook_that_outlasts_its_worker_is_no_outcome_that_was_not_written(
    broker: Broker, redis_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("jobgate.worker.runs.shutdown.STOP_GRACE", 0.1)
    async with working({"functions": ALL, "after_job_end": hang}, redis_url) as worker:
        job_id = await enqueue(broker, "add", 1)
        assert (await outcome(broker, job_id)).success
        await complete(worker, 1)
    assert "could not be written" not in caplog.text


async def test_jobs_that_never_run_reach_no_hook_as_in_arq(broker: Broker, redis_url: str) -> None:
    told = Told()
    await enqueue(broker, "nowhere")
    await burst(told.settings, redis_url)
    assert told.after == []


def raises(ctx: Ctx) -> None:
    raise RuntimeError("the hook is broken")


def leaves(ctx: Ctx) -> None:
    sys.exit(1)


async def cancels_itself(ctx: Ctx) -> None:
    raise asyncio.CancelledError


async def cancels_its_task(ctx: Ctx) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


HOOKS = [raises, leaves, cancels_itself, cancels_its_task]


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("name", ["on_job_end", "after_job_end"])
async def test_no_hook_at_the_end_harms_worker_or_job(
    broker: Broker, redis_url: str, name: str, hook: Callable[[Ctx], Any]
) -> None:
    """With arq an exception in any of them ends the worker."""
    async with working({"functions": ALL, name: hook}, redis_url):
        for number in range(3):
            result = await outcome(broker, await enqueue(broker, "add", number))
            assert (result.result, result.tries) == (number + 1, 1)


@pytest.mark.parametrize("hook", [raises, leaves])
async def test_a_hook_before_a_run_fails_that_job_and_nothing_else(
    broker: Broker, redis_url: str, hook: Callable[[Ctx], Any]
) -> None:
    """With arq an exception there ends the worker, and the job stays locked."""
    calls: list[str] = []

    async def first_time(ctx: Ctx) -> None:
        calls.append(ctx["job_id"])
        if len(calls) == 1:
            hook(ctx)

    async with working({"functions": ALL, "on_job_start": first_time}, redis_url):
        first = await outcome(broker, await enqueue(broker, "add", 1))
        assert first.failure is not None
        assert first.failure.code is FailureCode.ERROR
        assert (await outcome(broker, await enqueue(broker, "add", 1))).result == 2


@pytest.mark.parametrize("name", ["on_job_end", "after_job_end"])
async def test_a_hook_has_as_long_as_the_job(broker: Broker, redis_url: str, name: str) -> None:
    async with working({"functions": ALL, name: hang}, redis_url, job_timeout=0.5) as worker:
        assert (await outcome(broker, await enqueue(broker, "add", 1))).result == 2

        async def idle() -> bool:
            return not len(worker.jobs)

        await eventually_async(idle, what="an end of the hook")


async def test_a_job_keeps_its_lease_while_its_hook_runs(
    broker: Broker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.worker.jobs.running_job.SHORT_WORK", 0.5)
    tries: list[int] = []

    async def take_time(ctx: Ctx) -> None:
        tries.append(ctx["job_try"])
        await asyncio.sleep(3.5)

    async with working({"functions": ALL, "on_job_end": take_time}, redis_url, lease=2.0):
        result = await outcome(broker, await enqueue(broker, "add", 1))
        assert (result.result, result.tries) == (2, 1)
    assert tries == [1]


class Odd(BaseException):
    """No `Exception`."""


async def test_a_hook_may_raise_what_it_likes(broker: Broker, redis_url: str) -> None:
    def odd(ctx: Ctx) -> None:
        raise Odd

    async with working({"functions": ALL, "on_job_end": odd, "after_job_end": odd}, redis_url):
        assert (await outcome(broker, await enqueue(broker, "add", 1))).result == 2
