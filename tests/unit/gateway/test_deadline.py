"""A request's time for Redis: it runs while Redis is asked, not while the request waits."""

import asyncio

import pytest

from jobgate.broker import BrokerUnavailable, WriteInDoubt
from jobgate.gateway import deadline as module
from jobgate.gateway.deadline import RedisDeadline, last_look

SHORT = 0.05


async def never() -> str:
    await asyncio.get_running_loop().create_future()
    return "never"


async def test_redis_that_takes_too_long_is_unavailable() -> None:
    deadline = RedisDeadline(SHORT)
    with pytest.raises(BrokerUnavailable):
        await deadline.within(never())
    assert deadline.is_over


async def test_one_answer_within_another_shares_its_time() -> None:
    deadline = RedisDeadline(SHORT)
    with pytest.raises(BrokerUnavailable):
        await deadline.within(deadline.within(never()))


async def test_timeouts_of_others_stay_timeouts() -> None:
    async def late() -> str:
        async with asyncio.timeout(0):
            return await never()

    deadline = RedisDeadline(60)
    with pytest.raises(TimeoutError):
        await deadline.within(late())
    assert not deadline.is_over


async def test_a_wait_takes_none_of_the_time() -> None:
    deadline = RedisDeadline(SHORT)

    async def waits() -> str:
        with deadline.paused(3600):
            await asyncio.sleep(3 * SHORT)
        return "waited"

    assert await deadline.within(waits()) == "waited"


async def test_the_time_runs_on_after_a_wait() -> None:
    deadline = RedisDeadline(SHORT)

    async def waits() -> str:
        with deadline.paused(3600):
            await asyncio.sleep(0)
        return await never()

    with pytest.raises(BrokerUnavailable):
        await asyncio.wait_for(deadline.within(waits()), 10)


async def test_code_that_knows_better_names_the_error_of_a_cut_off() -> None:
    deadline = RedisDeadline(SHORT)

    async def asks() -> str:
        with deadline.cut_off_as(WriteInDoubt):
            return await never()

    with pytest.raises(WriteInDoubt):
        await deadline.within(asks())


async def test_other_cancellations_are_not_cut_offs() -> None:
    deadline = RedisDeadline(60)

    async def asks() -> str:
        with deadline.cut_off_as(WriteInDoubt):
            return await never()

    asking = asyncio.create_task(deadline.within(asks()))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_the_last_look_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def found() -> str:
        return "found"

    assert await last_look(found()) == "found"
    monkeypatch.setattr(module, "LATE_BY", SHORT)
    with pytest.raises(BrokerUnavailable):
        await last_look(never())
    with pytest.raises(BrokerUnavailable):
        await last_look(never(), wait_ends=asyncio.get_running_loop().time() - 60)
