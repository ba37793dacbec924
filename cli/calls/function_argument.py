"""The argument FUNCTION, which shells complete with the names of the functions that there are."""

import asyncio
from collections.abc import Sequence
from typing import Final

import click

from jobgate.cli.remote import connection_of

#: Seconds for which somebody who has pressed the Tab key waits.
_PATIENCE: Final = 1.0


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> Sequence[str]:
    """Return the functions whose names begin so; none where they cannot be known at once."""
    try:
        names = asyncio.run(asyncio.wait_for(_names(context), _PATIENCE))
    except Exception:  # a message would stand in the middle of the command line
        return []
    return [name for name in names if name.startswith(incomplete)]


async def _names(context: click.Context) -> list[str]:
    async with connection_of(context).client() as client:
        return [function.name for function in await client.functions()]


FUNCTION: Final = click.argument("function", shell_complete=_complete)
FUNCTION_OR_PATTERN: Final = click.argument(
    "name", metavar="[FUNCTION | PATTERN]", required=False, shell_complete=_complete
)
