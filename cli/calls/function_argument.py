"""The argument FUNCTION, which shells complete with the names of the functions that there are."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from jobgate.cli.remote import connection_of

if TYPE_CHECKING:
    from jobgate.client import Client

#: Seconds for which somebody who has pressed the Tab key waits.
_PATIENCE: Final = 1.0


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> Sequence[str]:
    """Return the functions whose names begin so; none where they cannot be known at once."""
    try:
        client = connection_of(context).client()  # its modules may take long to import
        names = asyncio.run(asyncio.wait_for(_names(client), _PATIENCE))
    except Exception:  # a message would stand in the middle of the command line
        return []
    return [name for name in names if name.startswith(incomplete)]


async def _names(client: "Client") -> list[str]:
    async with client:
        return [function.name for function in await client.functions()]


FUNCTION: Final = click.argument("function", shell_complete=_complete)
FUNCTION_OR_PATTERN: Final = click.argument(
    "name", metavar="[FUNCTION | PATTERN]", required=False, shell_complete=_complete
)
