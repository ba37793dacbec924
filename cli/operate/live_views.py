"""Views that are read again and again, until Ctrl-C."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from jobgate.cli.operate.moments import span
from jobgate.cli.option import option
from jobgate.cli.remote import Connection
from jobgate.cli.terminal import Output, Sheet

#: Seconds between two readings, and where a reading costs the gateway more.
_EVERY: Final = 2.0
_SELDOM: Final = 5.0
#: For how long one reading is retried.
_PATIENCE: Final = timedelta(seconds=3)
#: From so many records on.
_MANY: Final = 20

watch_option: Final = option(
    "--watch",
    "is_watched",
    section="Output",
    envvar=(),
    is_flag=True,
    help="Show it again every 2 s, or 5 s where it is long, until Ctrl-C. A restart of the gateway does not "
    "end it.",
)


def impatient(connection: Connection) -> Connection:
    """Return a connection for `watch`: it says soon that there is no answer, and asks again."""
    return replace(connection, request_timeout=min(connection.request_timeout, _PATIENCE))


async def watch(
    read: Callable[[], Awaitable[Sequence[Sheet]]], connection: Connection, output: Output
) -> None:
    """Show what `read` returns, again and again; while there is no answer, what it returned last."""
    from jobgate.client import (  # noqa: PLC0415 - it takes longer to import than all of this
        GatewayUnavailable,
        RateLimited,
    )

    sheets = await read()
    answered, trouble = monotonic(), ""
    with output.live() as live:
        while True:
            live.show(sheets, trouble or _note(sheets), is_news=not trouble)
            await asyncio.sleep(_pause(sheets))
            try:
                sheets, trouble = await read(), ""
                answered = monotonic()
            except (GatewayUnavailable, RateLimited) as error:
                trouble = f"{connection.shown}: no answer for {span(monotonic() - answered)}. {error}"


def _pause(sheets: Sequence[Sheet]) -> float:
    return _SELDOM if len(sheets[0].records) >= _MANY else _EVERY


def _note(sheets: Sequence[Sheet]) -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}, every {_pause(sheets):g} s. Ctrl-C ends this."
