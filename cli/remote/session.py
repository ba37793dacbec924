"""A client for the time of one command."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from jobgate.cli.remote.connection import Connection
from jobgate.cli.remote.exit_codes import ExitCode, exit_code_of
from jobgate.cli.terminal import say

if TYPE_CHECKING:
    from jobgate.client import Client, JobgateError

#: Shows the cursor again, which progress bars and live tables hide.
_SHOW_CURSOR = b"\x1b[?25h"


def run(connection: Connection, work: Callable[["Client"], Awaitable[int | None]]) -> None:
    """Do a command's work with an open client, and end the process with the exit code that this means.

    Ctrl-C cancels `work`, which then has the time to say what is left; a second one ends the process at once.

    Args:
        connection: Where the other side is.
        work: Returns an exit code, None = 0. Its errors are written to standard error.

    Raises:
        SystemExit: The code is not 0.
    """
    from jobgate.client import JobgateError  # noqa: PLC0415 - it takes longer to import than all of this

    try:
        code = asyncio.run(_interruptible(_connected(connection, work)))
    except JobgateError as error:
        say(f"Error: {_message(error, connection)}")
        code = exit_code_of(error)
    except asyncio.CancelledError:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # What is still in the buffer is for nobody, and must not fail at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.CLOSED_PIPE
    if code:
        raise SystemExit(int(code))


async def _connected(connection: Connection, work: Callable[["Client"], Awaitable[int | None]]) -> int:
    async with connection.client() as client:
        return await work(client) or ExitCode.OK


async def _interruptible(work: Any) -> int:
    """Return what `work` returns; cancel it at the first Ctrl-C, end the process at the second."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    count = 0

    def interrupt(*_: object) -> None:
        nonlocal count
        count += 1
        if count == 1:
            loop.call_soon_threadsafe(task.cancel)
            return
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), _SHOW_CURSOR)
        os._exit(ExitCode.INTERRUPTED)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        return int(await task)
    finally:
        signal.signal(signal.SIGINT, before)


def _message(error: "JobgateError", connection: Connection) -> str:
    """Return what to tell of an error, with the options of the command line in place of Python's."""
    from jobgate import client  # noqa: PLC0415 - it takes longer to import than all of this

    match error:
        case client.Unauthorized():
            return f"{connection.shown} requires a key that it knows: set JOBGATE_KEY, or `key` in a profile."
        case client.UntrustedGateway():
            return str(error).replace("Client(url, ca_file=…)", "--ca-file")
    return str(error)
