"""Plain functions in a program that uses Django: they run where Django's connections are.

The worker runs plain functions in threads. A thread has database connections of its own, which do not see the
transaction of a test. asgiref, on which Django's async code stands, has a place for such code: the thread of
the test.
"""

import functools
import sys
from dataclasses import replace
from typing import Any

from jobgate.worker import Function, Settings


def has_django() -> bool:
    """Whether Django is in use."""
    return "django" in sys.modules and "asgiref" in sys.modules


def for_django(settings: Settings) -> Settings:
    """Return settings whose plain functions run in the thread of the test, where Django is in use."""
    if not has_django():
        return settings
    return settings.changed(functions=tuple(map(_in_test, settings.functions)))


def _in_test(function: Function) -> Function:
    if not function.is_plain or function.executor == "process":
        return function
    from asgiref.sync import sync_to_async  # noqa: PLC0415 - only where Django is

    call: Any = sync_to_async(function.coroutine, thread_sensitive=True)

    @functools.wraps(function.coroutine)
    async def run(*args: Any, **kwargs: Any) -> Any:
        return await call(*args, **kwargs)

    return replace(function, coroutine=run, executor=None)
