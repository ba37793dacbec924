"""`jobgate bulk`: retry or abort many jobs."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import click

from jobgate.cli.operate import OPEN, Bulk, Which, job_filters
from jobgate.cli.option import Body, option, with_options
from jobgate.cli.remote import Connection, RemoteCommand, connection_options, run
from jobgate.cli.terminal import Output, output_options

_SECTION: Final = "Operation"
#: For how long a gateway that does not answer is waited for, at least.
_PATIENCE: Final = timedelta(minutes=1)
_OPTIONS: Final = (
    option(
        "--dry-run",
        "is_dry",
        section=_SECTION,
        envvar=(),
        is_flag=True,
        help="Only count the jobs, change nothing.",
    ),
    option(
        "--yes", "-y", "is_sure", section=_SECTION, envvar=(), is_flag=True, help="Do not ask, as in scripts."
    ),
    option(
        "--limit",
        section=_SECTION,
        envvar=(),
        type=click.IntRange(1, 100_000),
        metavar="N",
        help="At most N jobs of each queue.  [default: 10000]",
    ),
    option(
        "--no-wait",
        "is_left",
        section=_SECTION,
        envvar=(),
        is_flag=True,
        help="Begin it, and do not wait for its end.",
    ),
)


def _operation(function: Body) -> Body:
    """Give a command the options of an operation."""
    return with_options(function, [*_OPTIONS, output_options, connection_options])


@click.group("bulk")
def command() -> None:
    """Retry or abort many jobs; gateways do it in the background.

    The jobs are counted first; in a terminal you have to confirm. Ctrl-C ends the waiting, not the
    operation. For single jobs there are `jobgate retry` and `jobgate abort`.
    """


@command.command(
    "retry",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate bulk retry --since 1h
  jobgate bulk retry --function send_invoice --code timeout --dry-run
  jobgate bulk retry --queue mail --since 2026-08-01 --yes --limit 1000""",
)
@job_filters("function", "error_type", "code", "since", "until")
@_operation
def retry(which: Which, limit: int | None, connection: Connection, output: Output, **how: bool) -> None:
    """Run failed jobs again, with the same arguments, each once.

    Jobs that were aborted are left alone, unless --code aborted is given.

    Exit code 1: some could not be retried. After Ctrl-C the operation continues.
    """
    _run(Bulk("retry", which, limit, connection=connection, output=output), connection, **how)


@command.command(
    "abort",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate bulk abort --function send_invoice --status deferred
  jobgate bulk abort --queue mail --dry-run""",
)
@job_filters("function", "since", "until", status=OPEN)
@_operation
def abort(which: Which, limit: int | None, connection: Connection, output: Output, **how: bool) -> None:
    """Stop jobs that wait or run.

    Exit code 1: some could not be aborted. After Ctrl-C the operation continues.
    """
    _run(Bulk("abort", which, limit, connection=connection, output=output), connection, **how)


def _run(bulk: Bulk, connection: Connection, *, is_dry: bool, is_sure: bool, is_left: bool) -> None:
    # An operation continues while a gateway restarts, and so does the waiting.
    patient = replace(connection, request_timeout=max(connection.request_timeout, _PATIENCE))
    run(patient, lambda client: bulk.run(client, is_dry=is_dry, is_sure=is_sure, waits=not is_left))
