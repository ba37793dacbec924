"""Long lists: written as they are read, up to a limit."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import wraps
from typing import Any, Final, TypeVar

import click

from jobgate.cli.option import Body, option
from jobgate.cli.terminal import Rows, say

T = TypeVar("T")
#: Records that are written together.
_TOGETHER: Final = 100
_SECTION: Final = "Output"


def limit_options(default: int) -> Callable[[Body], Body]:
    """Give a command `--limit` and `--all`; it gets the limit as `limit`, None = all.

    Args:
        default: The limit by default.
    """
    most = option(
        "--limit",
        section=_SECTION,
        envvar=(),
        type=click.IntRange(min=1),
        default=default,
        metavar="N",
        help="Write at most N.",
    )
    everything = option(
        "--all", "is_all", section=_SECTION, envvar=(), is_flag=True, help="Write all, however many."
    )

    def decorated(function: Body) -> Body:
        @wraps(function)
        def command(*args: Any, limit: int, is_all: bool, **options: Any) -> Any:
            return function(*args, limit=None if is_all else limit, **options)

        return most(everything(command))

    return decorated


async def write_list(items: AsyncGenerator[T, None], rows: Rows, limit: int | None, nothing: str) -> None:
    """Write records as they come, and say so if there are more.

    Args:
        items: The records.
        rows: Where they are written.
        limit: Most of them; None = all.
        nothing: What is said to people if there is none.
    """
    together: list[T] = []
    count, more = 0, ""
    async with aclosing(items):
        async for item in items:
            if count == limit:
                more = f"These are {count}, and there are more: see --limit and --all."
                break
            count += 1
            together.append(item)
            if len(together) == _TOGETHER:
                rows.show(together)
                together = []
    rows.show(together)
    if message := more if count else nothing:
        say(message)
