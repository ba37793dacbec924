"""How many requests may wait, and how all of them are ended."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jobgate.gateway.auth.callers import ANYBODY, Caller
from jobgate.gateway.auth.wait_limit import Waits
from jobgate.gateway.http.problems import Problem


@contextmanager
def place(waits: Waits, caller: Caller) -> Iterator[None]:
    waits.take(caller)
    yield
    waits.give_back(caller)


async def test_waits_are_counted_in_all_and_by_key() -> None:
    waits = Waits(limit=3, limit_per_key=1)
    key, generous = Caller(name="a"), Caller(name="b", waits=2)
    with place(waits, key), place(waits, generous):
        with pytest.raises(Problem) as too_many_of_key, place(waits, key):
            pass
        with place(waits, generous):
            assert waits.count == 3
            with pytest.raises(Problem) as too_many, place(waits, ANYBODY):
                pass
    for problem in (too_many_of_key.value, too_many.value):
        assert (problem.kind.status, problem.headers) == (429, {"Retry-After": "1"})
    assert waits.count == 0
    with place(waits, key):
        pass


async def test_all_waits_end_at_a_shutdown() -> None:
    waits = Waits(limit=3, limit_per_key=1)
    never: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def wait() -> str | None:
        return await never

    running = [asyncio.create_task(waits.run(wait)) for _ in range(3)]
    await asyncio.sleep(0)
    waits.end_all()
    assert await asyncio.gather(*running) == [None, None, None]
    assert await waits.run(wait) is None


async def test_a_client_that_hangs_up_at_the_shutdown_is_still_cancelled() -> None:
    waits = Waits(limit=3, limit_per_key=1)
    never: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def wait() -> str | None:
        return await never

    task = asyncio.create_task(waits.run(wait))
    await asyncio.sleep(0)
    waits.end_all()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_wait_is_cancelled() -> None:
    waits = Waits(limit=3, limit_per_key=1)
    never: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def wait() -> str | None:
        return await never

    task = asyncio.create_task(waits.run(wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not waits._running
