"""A function that ends with a CancelledError of its own: a pause between tries, and the cause in the end."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any

import pytest

from harness.systems.workers import burst, enqueue, outcome, working
from jobgate.broker import Broker
from jobgate.worker import func

Ctx = dict[str, Any]


async def awaits_a_cancelled_task(ctx: Ctx) -> None:
    helper = asyncio.create_task(asyncio.sleep(600))
    helper.cancel("the helper was stopped")
    await helper


async def raises_it(ctx: Ctx) -> None:
    raise asyncio.CancelledError("the helper was stopped")


async def cancels_itself(ctx: Ctx) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel("the helper was stopped")
    await asyncio.sleep(600)


def in_thread(ctx: Ctx) -> None:
    raise concurrent.futures.CancelledError("the helper was stopped")


ALL: list[Callable[..., Any]] = [awaits_a_cancelled_task, raises_it, cancels_itself, in_thread]


@pytest.mark.parametrize("function", ALL)
async def test_the_last_try_fails_with_the_cause(function: Callable[..., Any], redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        job_id = await enqueue(broker, function.__name__)
        await burst([func(function, max_tries=1)], redis_url)
        failure = (await outcome(broker, job_id)).failure
    assert failure is not None
    assert (failure.type, failure.message, failure.code) == (
        "CancelledError", "the helper was stopped", "error",
    )  # fmt: skip
    assert function.__name__ in (failure.traceback or "")


async def test_the_next_try_comes_after_a_pause_and_the_log_names_the_cause(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with Broker(redis_url) as broker, working([raises_it], redis_url):
        job_id = await enqueue(broker, "raises_it")
        async with asyncio.timeout(30):
            while "retrying" not in caplog.text:
                await asyncio.sleep(0.01)
        assert f"{job_id}:raises_it retrying job in 1.00s after CancelledError: the helper was" in caplog.text
        view = await broker.view(job_id)
        assert view is not None
        assert (view.status, view.tries) == ("deferred", 1)
