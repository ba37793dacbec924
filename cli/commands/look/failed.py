"""`jobgate failed`: what failed, and why."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from jobgate.cli.operate import (
    FailureCount,
    Which,
    failures,
    job_filters,
    limit_options,
    when,
    write_list,
)
from jobgate.cli.option import option
from jobgate.cli.remote import Connection, RemoteCommand, connection_options, run
from jobgate.cli.terminal import Column, Output, output_options, say

if TYPE_CHECKING:
    from jobgate.client import Client

_COLUMNS: Final = (
    Column("when", lambda failure: when(failure.finish_time)),
    Column("job", lambda failure: failure.job_id, fold=True),
    Column("function"),
    Column("error", fold=True),
    Column("tries", right=True, optional=True),
    Column("retried as", optional=True),
    Column("queue", optional=True),
)


def _most(counted: Mapping[str, int]) -> str:
    """Return the most frequent function or error of a group, and how many others there are."""
    (first, number), *others = counted.items()
    return f"{first} ({number}, and {len(others)} more)" if others else first


_FUNCTION: Final = Column("function", lambda group: _most(group.functions))
_ERROR: Final = Column("error", lambda group: _most(group.errors), fold=True)
_GROUP: Final = (
    Column("failed", right=True),
    Column("retried", right=True, optional=True),
    Column("last", lambda group: when(group.last)),
    Column("for example", lambda group: group.job_id, fold=True, optional=True),
)
_COLUMNS_BY: Final = {
    "function": (_FUNCTION, *_GROUP[:3], _ERROR, _GROUP[3]),
    "error": (_ERROR, *_GROUP[:3], _FUNCTION, _GROUP[3]),
}


@click.command(
    "failed",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate failed --since 1h
  jobgate failed --by function --since today
  jobgate failed --function send_invoice --by error
  jobgate bulk retry --function send_invoice --since 1h""",
)
@job_filters("function", "error_type", "code", "since", "until")
@option(
    "--by",
    section="Output",
    envvar=(),
    type=click.Choice(["function", "error"]),
    help="Count failures by function or by error, instead of listing them. Messages that differ only in "
    "numbers, ids and quoted text are one error.",
)
@limit_options(50)
@output_options
@connection_options
def command(which: Which, by: str | None, limit: int | None, connection: Connection, output: Output) -> None:
    """List the jobs that failed for good, the newest first, each with its error.

    Jobs that were aborted are left out, unless --code aborted asks for them. Failures are found as long as
    their results are kept.
    """
    nothing = "Nothing has failed, as far as results are kept."

    async def show(client: "Client") -> None:
        found = failures(client, which, limit and limit + 1)
        await write_list(found, output.rows(_COLUMNS), limit, nothing)

    async def count(client: "Client") -> None:
        counted = FailureCount(str(by))
        if not await counted.read(client, which):
            say("There are more failures than a gateway counts at once: these are the newest.")
        output.records(counted.groups()[:limit], _COLUMNS_BY[str(by)], nothing=nothing)

    run(connection, count if by else show)
