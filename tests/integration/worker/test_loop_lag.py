"""A blocked event loop is told together with the function that blocks it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness.systems.workers import burst, enqueue
from jobgate.broker import Broker

Ctx = dict[str, Any]
#: Long enough to be told: see `liveness.WORTH_WARNING`.
BLOCK = 1.6


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def block(ctx: Ctx) -> None:
    crunch()


async def block_in_another_task(ctx: Ctx) -> None:
    await asyncio.create_task(block(ctx))


def crunch() -> None:
    time.sleep(BLOCK)  # the line that is told


LINE = 1 + Path(__file__).read_text().splitlines().index("    time.sleep(BLOCK)  # the line that is told")
PLACE = f"{re.escape(__file__)}:{LINE}"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines about this file; on a loaded machine the loop may stand still elsewhere too."""
    lines = [record.message for record in caplog.records if "the event loop" in record.message]
    return [line for line in lines if re.search(PLACE, line)]


async def test_one_line_names_function_job_seconds_and_place(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await enqueue(broker, "block")
    await burst([block], redis_url)
    (line,) = told(caplog)
    assert re.search(rf"was blocked for \d+\.\d s by job {job_id}:block at {PLACE}: run such functions", line)


async def test_a_task_of_no_job_is_named_by_its_coroutine(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await enqueue(broker, "block_in_another_task")
    await burst([block_in_another_task], redis_url)
    (line,) = told(caplog)
    assert re.search(rf" by block at {PLACE}: ", line)


async def test_the_same_place_is_not_told_again_and_again(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        await enqueue(broker, "block")
    await burst({"functions": [block], "max_jobs": 1}, redis_url)
    assert len(told(caplog)) == 1


async def test_a_long_block_is_told_while_it_lasts(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.worker.vitals.loop_watch.LONG", 0.6)
    job_id = await enqueue(broker, "block")
    await burst([block], redis_url)
    while_it_lasts, afterwards = told(caplog)
    assert re.search(rf"has been blocked for \d+ s by job {job_id}:block at {PLACE}", while_it_lasts)
    assert "was blocked" in afterwards
