"""What the stock arq worker of the interop tests runs; it is imported where there is no jobgate."""

import asyncio
import os
from typing import Any, ClassVar

from arq.connections import RedisSettings


async def add(ctx: dict[str, Any], a: Any, b: Any = 1) -> Any:
    """Return the sum."""
    return a + b


async def echo(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    """Return the arguments as they arrived, and the try."""
    return args, kwargs, ctx["job_try"]


async def fail(ctx: dict[str, Any], message: str) -> None:
    """Fail with this message."""
    raise ValueError(message)


async def sleep(ctx: dict[str, Any], seconds: float) -> str:
    """Sleep."""
    await asyncio.sleep(seconds)
    return "slept"


class WorkerSettings:
    """The functions above."""

    functions: ClassVar[list[Any]] = [add, echo, fail, sleep]
    redis_settings = RedisSettings.from_dsn(os.environ["REDIS_URL"])
    allow_abort_jobs = True
    poll_delay = 0.02
    job_timeout = 1
