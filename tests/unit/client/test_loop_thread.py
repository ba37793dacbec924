"""The event loop in a thread: calls that are given up before they have begun."""

import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from jobgate.client import ClientClosed
from jobgate.client.blocking import loop_thread
from jobgate.client.blocking.loop_thread import LoopThread, _Call


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    yield


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread(nothing())
    yield thread
    thread.stop()
    thread.join()


async def never_run() -> None:
    raise AssertionError("it was given up before")


async def nothing_to_do() -> None:
    pass


async def hold(over: threading.Event, held: threading.Event) -> None:
    """Keep the loop from its next turn."""
    held.set()
    over.wait()


def test_a_call_that_is_given_up_before_its_first_turn_ends(thread: LoopThread) -> None:
    over, held = threading.Event(), threading.Event()
    holder = threading.Thread(target=thread.run, args=[hold(over, held)])
    holder.start()
    held.wait()
    call = _Call(never_run())
    thread._submit(call)
    threading.Timer(0.05, over.set).start()
    thread._abandon(call)  # its start and its end are now in the same turn
    holder.join()
    assert call.task is not None
    assert not thread._calls
    with pytest.raises(ClientClosed):
        call.result()


@pytest.mark.parametrize("is_submitted", [True, False])
def test_nobody_waits_for_a_call_that_has_ended_or_has_not_begun(
    thread: LoopThread, is_submitted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_thread, "_END_OF_ABANDONED", 1000.0)
    call = _Call(nothing_to_do())
    if is_submitted:
        thread._submit(call)
        call.ended.acquire()
    thread._abandon(call)
    assert inspect.getcoroutinestate(call.coroutine) == inspect.CORO_CLOSED
