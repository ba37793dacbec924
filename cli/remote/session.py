"""A client for the time of one command."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from jobgate.cli.remote.connection import Connection
from jobgate.cli.remote.exit_codes import ExitCode, exit_code_of
from jobgate.cli.remote.messages import message_of
from jobgate.cli.remote.retry_notice import RetryNotice
from jobgate.cli.terminal import say

if TYPE_CHECKING:
    from jobgate.client import Client

#: Shows the cursor again, which progress bars and live tables hide.
_SHOW_CURSOR = b"\x1b[?25h"


def run(
    connection: Connection,
    work: Callable[["Client"], Awaitable[int | None]],
    *,
    on_interrupt: Callable[[], None] | None = None,
) -> None:
    """Do a command's work with an open client, and end the process with the exit code that this means.

    Ctrl-C cancels `work`, which then has the time to say what is left; a second one ends the process at once.

    Args:
        connection: Where the other side is.
        work: Returns an exit code, None = 0. Its errors are written to standard error.
        on_interrupt: Called at the first Ctrl-C; None = `work` is cancelled.

    Raises:
        SystemExit: The code is not 0.
    """
    from jobgate.client import JobgateError  # noqa: PLC0415 - it takes longer to import than all of this

    try:
        with RetryNotice():
            code = asyncio.run(_interruptible(_connected(connection, work), on_interrupt))
    except JobgateError as error:
        say(f"Error: {message_of(error, connection)}")
        code = exit_code_of(error)
    except asyncio.CancelledError:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Nobody reads what is still in the buffer: writing it at the end of the process must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.CLOSED_PIPE
    if code:
        raise SystemExit(int(code))


async def for_each(
    job_ids: Iterable[str], connection: Connection, act: Callable[[str], Awaitable[int]]
) -> int:
    """Do something with each of several jobs, also after one for which it is refused.

    Args:
        job_ids: Their ids.
        connection: Where they are.
        act: Returns an exit code.

    Returns:
        The first exit code that is not 0.
    """
    from jobgate.client import JobgateError  # noqa: PLC0415 - it takes longer to import than all of this

    first = int(ExitCode.OK)
    for job_id in job_ids:
        try:
            code = await act(job_id)
        except JobgateError as error:
            code = exit_code_of(error)
            if code is ExitCode.UNAVAILABLE:
                raise
            say(f"Error: {message_of(error, connection)}")
        first = first or code
    return first


async def _connected(connection: Connection, work: Callable[["Client"], Awaitable[int | None]]) -> int:
    async with connection.client() as client:
        return await work(client) or ExitCode.OK


async def _interruptible(work: Any, on_interrupt: Callable[[], None] | None) -> int:
    """Return what `work` returns; interrupt it at the first Ctrl-C, end the process at the second."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    count = 0

    def interrupt(*_: object) -> None:
        nonlocal count
        count += 1
        if count == 1:
            loop.call_soon_threadsafe(on_interrupt or task.cancel)
            return
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), _SHOW_CURSOR)
        os._exit(ExitCode.INTERRUPTED)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        return int(await task)
    finally:
        signal.signal(signal.SIGINT, before)
