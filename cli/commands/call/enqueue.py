"""`jobgate enqueue`: one job, or one for each line of standard input."""

from typing import TYPE_CHECKING, Any

import click

from jobgate.cli.calls import (
    FUNCTION,
    Arguments,
    CallCommand,
    argument_options,
    existing,
    explained,
    job_options,
)
from jobgate.cli.lines import Each, LineCalls, LineOptions, line_options
from jobgate.cli.remote import Connection, connection_options, run
from jobgate.cli.terminal import Output, output_options

if TYPE_CHECKING:
    from jobgate.client import Client


@click.command(
    "enqueue",
    cls=CallCommand,
    epilog="""\b
Examples:
  jobgate enqueue send_invoice 42 lang=de --id invoice-42
  jobgate enqueue slow_report 30 --defer 10m --max-tries 3
  jobgate enqueue resize width=200 --each < paths.txt > ids.txt
  jobgate enqueue resize width=200 --each --wait --id-prefix 2030-12 < paths.txt""",
)
@FUNCTION
@argument_options
@line_options
@job_options(can_defer=True)
@output_options
@connection_options
def command(
    function: str,
    arguments: Arguments,
    lines: LineOptions | None,
    options: dict[str, Any],
    connection: Connection,
    output: Output,
) -> None:
    """Enqueue a job that calls FUNCTION in a worker, and write its id; or one for each line of a file.

    A WORD is JSON where it is JSON, else text: 7 is a number, '"7"' and README.md are texts. NAME=WORD is an
    argument by name. @FILE and - stand for what is in a file and in standard input.

    With --each a bar shows how far it is, and failures are written as they come. Ctrl-C stops after the lines
    that have been taken, and says how to do the rest; a second Ctrl-C ends it at once.
    """
    if lines is None:
        run(connection, lambda client: _enqueue(client, function, arguments, options, output))
        return
    if "job_id" in options:
        raise click.UsageError("--id is for one job: with --each use --id-prefix.")
    if arguments.has_input:
        raise click.UsageError("With --each standard input has the lines: no argument can be read from it.")
    each = Each(LineCalls(function, arguments, options, lines), output, connection)
    run(connection, each.run, on_interrupt=None if lines.waits else each.stop)


async def _enqueue(
    client: "Client", function: str, arguments: Arguments, options: dict[str, Any], output: Output
) -> None:
    from jobgate.client import JobExists  # noqa: PLC0415 - it takes longer to import than all of this

    caller = client.with_options(**options)
    try:
        with explained(function):
            job = await caller.enqueue(function, *arguments.args, **arguments.kwargs)
    except JobExists as error:
        job = error.job
        await existing(job, function)
    if output.is_json_wanted:
        output.value({"job_id": job.id, "queue": job.queue})
    else:
        output.line(job.id)
