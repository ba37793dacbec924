"""Tracebacks in results and logs begin in the user's own code, wherever the function runs."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.functions.process_functions import fail as fails_in_process
from harness.systems.workers import burst, enqueue, outcome
from jobgate.broker import Broker
from jobgate.worker import func

Ctx = dict[str, Any]


async def as_coroutine(ctx: Ctx) -> None:
    raise LookupError("no such thing")


def in_thread(ctx: Ctx) -> None:
    raise LookupError("no such thing")


async def succeeds(ctx: Ctx) -> None:
    pass


async def hook(ctx: Ctx) -> None:
    raise LookupError("no such thing")


@pytest.mark.parametrize("function", [as_coroutine, in_thread, fails_in_process])
async def test_a_stored_traceback_begins_in_the_function(
    function: Callable[..., Any], redis_url: str
) -> None:
    executor: dict[str, Any] = {"executor": "process"} if function is fails_in_process else {}
    async with Broker(redis_url) as broker:
        args = ["no such thing"] if executor else []
        job_id = await enqueue(broker, function.__name__, *args)
        await burst([func(function, **executor)], redis_url)
        failure = (await outcome(broker, job_id)).failure
    assert failure is not None
    frames = re.findall(r"in (\w+)$", failure.traceback or "", re.MULTILINE)
    assert frames == [function.__name__]


@pytest.mark.parametrize("name", ["on_job_start", "on_job_end", "after_job_end"])
async def test_a_logged_traceback_of_a_hook_begins_in_the_hook(
    name: str, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Broker(redis_url) as broker:
        await enqueue(broker, "succeeds")
        await burst([succeeds], redis_url, **{name: hook})
    text = "\n".join(record.exc_text or "" for record in caplog.records if record.exc_info)
    frames = re.findall(r"in (\w+)$", text or caplog.text, re.MULTILINE)
    assert frames == ["hook"]
