"""Waiting for something to become true, with a deadline and a message instead of a blind sleep."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
STEP = 0.01
#: Seconds to wait for what must come: far more than it takes, for a loaded machine is no fault.
PATIENCE = 30.0
#: How often a duration is measured before it is found too long.
ATTEMPTS = 6


class NotInTime(AssertionError):
    """What was waited for did not happen in time."""


def eventually(probe: Callable[[], T], *, timeout: float = PATIENCE, what: str = "the condition") -> T:
    """Call `probe` until it returns something true, and return that."""
    deadline = time.monotonic() + timeout
    while not (value := probe()):
        if time.monotonic() > deadline:
            raise NotInTime(f"{what} was not true within {timeout} s, last: {value!r}")
        time.sleep(STEP)
    return value


async def eventually_async(
    probe: Callable[[], Awaitable[T]], *, timeout: float = PATIENCE, what: str = "the condition"
) -> T:
    """Await `probe()` until it returns something true, and return that."""
    deadline = time.monotonic() + timeout
    while not (value := await probe()):
        if time.monotonic() > deadline:
            raise NotInTime(f"{what} was not true within {timeout} s, last: {value!r}")
        await asyncio.sleep(STEP)
    return value


async def fast_enough(measure: Callable[[], Awaitable[float]], limit: float, *, what: str) -> None:
    """Await `measure()`, which returns seconds, until they are fewer than `limit`.

    A loaded machine can make any one attempt slow; what is slow by itself is slow in each of them.
    """
    took: list[float] = []
    while len(took) < ATTEMPTS:
        took.append(await measure())
        if took[-1] < limit:
            return
    raise NotInTime(f"{what} took {took} s, never less than {limit}")
