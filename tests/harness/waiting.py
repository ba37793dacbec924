"""Waiting for something to become true, with a deadline and a message instead of a blind sleep."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
STEP = 0.01


class NotInTime(AssertionError):
    """What was waited for did not happen in time."""


def eventually(probe: Callable[[], T], *, timeout: float = 10.0, what: str = "the condition") -> T:
    """Call `probe` until it returns something true, and return that."""
    deadline = time.monotonic() + timeout
    while not (value := probe()):
        if time.monotonic() > deadline:
            raise NotInTime(f"{what} was not true within {timeout} s, last: {value!r}")
        time.sleep(STEP)
    return value


async def eventually_async(
    probe: Callable[[], Awaitable[T]], *, timeout: float = 10.0, what: str = "the condition"
) -> T:
    """Await `probe()` until it returns something true, and return that."""
    deadline = time.monotonic() + timeout
    while not (value := await probe()):
        if time.monotonic() > deadline:
            raise NotInTime(f"{what} was not true within {timeout} s, last: {value!r}")
        await asyncio.sleep(STEP)
    return value
