"""What the worker of the client's contract tests runs: `harness.functions.client_worker.WorkerSettings`."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

from jobgate.worker import Retry, func

Context = dict[str, Any]


async def echo(ctx: Context, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the arguments as they arrived."""
    return {"args": args, "kwargs": kwargs}


async def add(ctx: Context, a: int, b: int = 1) -> int:
    """Return the sum."""
    return a + b


async def fail(ctx: Context, message: str) -> None:
    """Fail with this message."""
    raise ValueError(message)


async def sleep(ctx: Context, seconds: float) -> str:
    """Sleep."""
    await asyncio.sleep(seconds)
    return "slept"


async def flaky(ctx: Context, n: int) -> int:
    """Succeed at the try number `n`."""
    if ctx["job_try"] < n:
        raise Retry(defer=0.01)
    return int(ctx["job_try"])


async def append(ctx: Context, path: str) -> int:
    """Write a line to a file, so that a second run would show."""
    with open(path, "a") as file:
        file.write(f"{ctx['job_id']}\n")
    return 1


async def note(ctx: Context, number: int, path: str) -> int:
    """Write a number to a file, so that a second run would show; it takes a moment."""
    await asyncio.sleep(0.01)
    with open(path, "a") as file:
        file.write(f"{number}\n")
    return number


async def steps(ctx: Context) -> None:
    """Report progress, and never end."""
    await ctx["progress"](0.5, "half of it")
    await asyncio.sleep(3600)


async def until(ctx: Context, path: str) -> str:
    """Report progress, and end when there is a file."""
    await ctx["progress"](0.5, "half of it")
    while not await asyncio.to_thread(Path(path).exists):
        await asyncio.sleep(0.01)
    return path


class WorkerSettings:
    """The functions above."""

    functions: ClassVar[list[Any]] = [
        echo,
        add,
        fail,
        sleep,
        flaky,
        note,
        steps,
        until,
        func(append, keep_result=600),
    ]
    max_jobs = 50
