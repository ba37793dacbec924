"""Jobs of the mixed fleets, for workers of both kinds: what happens to each is a line in a file.

A line is written at once (O_APPEND), so that it is known what happened whatever process died:
`<unix seconds> <what> <job id> <try> <process id>`.
"""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, ClassVar

IS_ARQ = bool(os.environ.get("IS_ARQ"))
if IS_ARQ:
    from arq import Retry
    from arq.connections import RedisSettings
else:
    from jobgate.arq import Retry
    from jobgate.arq.connections import RedisSettings

Context = dict[str, Any]


def note(ctx: Context, what: str) -> None:
    """Write what happens to a job."""
    line = f"{time.time():.6f} {what} {ctx['job_id']} {ctx['job_try']} {os.getpid()}\n"
    file = os.open(os.environ["HISTORY"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


async def quick(ctx: Context) -> int:
    """Be done at once."""
    note(ctx, "start")
    note(ctx, "end")
    return os.getpid()


async def slow(ctx: Context, seconds: float) -> int:
    """Sleep."""
    note(ctx, "start")
    await asyncio.sleep(seconds)
    note(ctx, "end")
    return os.getpid()


async def again(ctx: Context, defer: float | None) -> int:
    """Ask for another try in the first one."""
    note(ctx, "start")
    await asyncio.sleep(0.01)
    if ctx["job_try"] == 1:
        note(ctx, "retry")
        raise Retry(defer=defer)
    note(ctx, "end")
    return os.getpid()


async def fail(ctx: Context) -> None:
    """Fail for good."""
    note(ctx, "start")
    note(ctx, "end")
    raise ValueError(ctx["job_id"])


def blocking(ctx: Context, seconds: float) -> int:
    """Sleep in a thread."""
    note(ctx, "start")
    time.sleep(seconds)
    note(ctx, "end")
    return os.getpid()


def in_thread(function: Callable[..., Any]) -> Any:
    """Return a plain function as arq takes it; jobgate takes it as it is."""

    async def threaded(ctx: Context, *args: Any) -> Any:
        return await asyncio.to_thread(function, ctx, *args)

    threaded.__qualname__ = function.__qualname__
    return threaded if IS_ARQ else function


class WorkerSettings:
    """The functions above; a stock arq worker that is killed holds its jobs for `job_timeout` and 10 s."""

    functions: ClassVar[list[Any]] = [quick, slow, again, fail, in_thread(blocking)]
    redis_settings = RedisSettings.from_dsn(os.environ["REDIS_URL"])
    poll_delay = 0.05
    # jobgate is quicker: it must not have all of them.
    max_jobs = 8 if IS_ARQ else 2
    job_timeout = 5 if IS_ARQ else 60
    max_tries = 1000
    # jobgate's own
    serializer = "pickle"
    lease = 5.0
