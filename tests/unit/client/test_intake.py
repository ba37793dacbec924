"""What other threads hand to a loop: all of it arrives, in order, with its context, until it is closed."""

import asyncio
import os
import sys
import threading
from contextvars import Context, ContextVar

import pytest

from jobgate.client.blocking.intake import Intake, IntakeClosed

caller: ContextVar[int] = ContextVar("caller")
THREADS = 8
#: More than the buffers of its sockets hold, while the loop stands still.
ITEMS = 2_000


@pytest.fixture(autouse=True, params=["here", "elsewhere"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "elsewhere":
        monkeypatch.setattr(sys, "platform", "darwin")


async def test_all_items_of_all_threads_arrive_in_order() -> None:
    taken: list[tuple[int, int]] = []
    complete = asyncio.Event()

    def take(item: int, context: Context) -> None:
        taken.append((context[caller], item))
        if len(taken) == THREADS * ITEMS:
            complete.set()

    def give(number: int) -> None:
        caller.set(number)
        for item in range(ITEMS):
            intake.put(item)

    intake: Intake[int] = Intake(asyncio.get_running_loop(), take)
    threads = [threading.Thread(target=give, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()  # the loop stands still meanwhile: nobody waits for it
    await asyncio.wait_for(complete.wait(), 10)
    for number in range(THREADS):
        assert [item for who, item in taken if who == number] == list(range(ITEMS))
    intake.close()


async def test_it_wakes_a_loop_that_sleeps() -> None:
    woken = asyncio.Event()
    intake: Intake[None] = Intake(asyncio.get_running_loop(), lambda item, context: woken.set())
    thread = threading.Timer(0.05, intake.put, args=[None])
    thread.start()
    await asyncio.wait_for(woken.wait(), 10)
    intake.close()


async def test_a_closed_one_refuses() -> None:
    taken: list[int] = []
    intake: Intake[int] = Intake(asyncio.get_running_loop(), lambda item, context: taken.append(item))
    intake.put(1)
    intake.close()
    with pytest.raises(IntakeClosed):
        intake.put(2)
    await asyncio.sleep(0)
    assert taken == []


async def test_its_files_are_closed() -> None:
    before = os.listdir("/proc/self/fd")
    intakes: list[Intake[int]] = [
        Intake(asyncio.get_running_loop(), lambda item, context: None) for _ in range(10)
    ]
    for intake in intakes:
        intake.close()
    assert len(os.listdir("/proc/self/fd")) == len(before)
