"""The wait for the result of one job, with its progress."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from jobgate.cli.calls.arguments import Arguments
from jobgate.cli.duration import DURATION
from jobgate.cli.option import option
from jobgate.cli.remote import Connection, RefusedError
from jobgate.cli.terminal import Bar, say, status_of

if TYPE_CHECKING:
    from jobgate.client import Caller, JobHandle, JobInfo

#: Seconds without a bar: most jobs have ended by then.
_QUIET: Final = 0.4
#: Seconds after which it is said that no worker has taken a job, where there is no bar.
_PATIENCE = 5.0


wait_option: Final = option(
    "--timeout",
    section="Wait",
    envvar=(),
    type=DURATION,
    metavar="DURATION",
    help="How long to wait for the result, such as 90s or 10m. The job is not stopped after that.  [default: "
    "for ever]",
)


async def called(
    caller: "Caller",
    function: str,
    arguments: Arguments,
    job: "JobHandle[Any]",
    timeout: timedelta | None,
) -> Any:
    """Call a function and return its result.

    If its job exists already, that one is waited for.

    Args:
        caller: Has the options of the job, its id included.
        function: Name of the function.
        arguments: Its arguments.
        job: The job that is made.
        timeout: How long to wait; None = for ever.
    """
    from jobgate.client import JobExists  # noqa: PLC0415 - it takes longer to import than all of this

    try:
        with explained(function):
            return await caller.call(function, *arguments.args, **arguments.kwargs)
    except JobExists:
        await existing(job, function)
        return await job.result(timeout)


@contextmanager
def explained(function: str) -> Iterator[None]:
    """Add to an error what helps somebody who has written the arguments by hand."""
    from jobgate.client import InvalidArguments  # noqa: PLC0415 - as above

    try:
        yield
    except InvalidArguments as error:
        if "must be a string" in str(error):
            error.add_note("A number is written as text like this: '\"7\"'")
        error.add_note(f"What it takes: jobgate functions {shlex.quote(function)}")
        raise


async def existing(job: "JobHandle[Any]", function: str) -> None:
    """Say that a job exists already.

    Raises:
        RefusedError: It runs another function.
    """
    info = await job.info()
    if info.function != function:
        raise RefusedError(f"job {job.id} exists already, and runs {info.function!r}: choose another id.")
    again = f" To run it again: jobgate retry {job.id}" if info.success is False else ""
    say(f"Job {job.id} exists already, its status is {status_of(info)}: no second one is made.{again}")


async def wait_for(
    job: "JobHandle[Any]", result: Awaitable[Any], connection: Connection, *, is_new: bool = False
) -> Any:
    """Return the result of a job; its progress is shown meanwhile.

    Where Ctrl-C ends the wait, say how to go on.

    Args:
        job: The job.
        result: What is waited for.
        connection: Where it is.
        is_new: Whether it is being enqueued, and may not have arrived.
    """
    try:
        async with _progress_of(job):
            return await result
    except asyncio.CancelledError:
        say(
            f"\nThe wait has ended; job {job.id} is not stopped{', if it was accepted' if is_new else ''}.\n"
            f"  jobgate status {job.id}{connection.again}\n"
            f"  jobgate result {job.id} --wait{connection.again}\n"
            f"  jobgate abort {job.id}{connection.again}"
        )
        raise


@asynccontextmanager
async def _progress_of(job: "JobHandle[Any]") -> AsyncIterator[None]:
    """Show the progress of a job until the block ends."""
    with Bar(counts=False) as bar:
        showing = asyncio.create_task(_show(job, bar) if bar.is_wanted else _say_if_it_waits(job))
        try:
            yield
        finally:
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing


async def _show(job: "JobHandle[Any]", bar: Bar) -> None:
    from jobgate.client import JobgateError, JobNotFound  # noqa: PLC0415 - as above

    await asyncio.sleep(_QUIET)
    while True:
        bar.show(0, None, "waiting for an answer")
        try:
            async for event in job.events():
                bar.show(*_shown(event.job))
        except JobNotFound:  # it is still being enqueued
            await asyncio.sleep(_QUIET)
        except JobgateError:  # a key may be allowed to call, and not to read
            return
        else:
            return


async def _say_if_it_waits(job: "JobHandle[Any]") -> None:
    from jobgate.client import JobgateError  # noqa: PLC0415 - as above

    await asyncio.sleep(_PATIENCE)
    with suppress(JobgateError):
        info = await job.info()
        if info.status == "queued" and info.tries == 0:
            say(f"Job {job.id} waits for a worker.")


def _shown(info: "JobInfo") -> tuple[float, float | None, str]:
    if info.progress is not None:
        return info.progress.fraction, 1, info.progress.message or ""
    text = "waiting for a worker" if info.status == "queued" else status_of(info)
    return 0, None, text if info.tries < 2 else f"{text}, try {info.tries}"
