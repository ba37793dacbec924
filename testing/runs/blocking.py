"""Coroutines in tests without an event loop."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from jobgate.testing.errors import TestingError
from jobgate.testing.runs.django import has_django

T = TypeVar("T")


def run_blocking(
    coroutine: Coroutine[Any, Any, T], instead: str, loop: asyncio.AbstractEventLoop | None = None
) -> T:
    """Run a coroutine to its end.

    Args:
        coroutine: The coroutine.
        instead: What to use where a loop runs already.
        loop: Where to run it; None = in a new one.

    Raises:
        TestingError: An event loop is running in this thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        coroutine.close()
        raise TestingError(f"An event loop is running here: use `{instead}`.")
    if not has_django():
        return asyncio.run(coroutine) if loop is None else loop.run_until_complete(coroutine)
    from asgiref.sync import async_to_sync  # noqa: PLC0415 - only where Django is installed

    # What Django's code does with the database happens in this thread, in the transaction of the test.
    result: T = async_to_sync(_awaited)(coroutine)
    return result


async def _awaited(coroutine: Coroutine[Any, Any, T]) -> T:
    return await coroutine
