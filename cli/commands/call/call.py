"""`jobgate call`: a function in a worker, and its result."""

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from jobgate.cli.calls import (
    FUNCTION,
    Arguments,
    CallCommand,
    argument_options,
    called,
    job_options,
    wait_for,
    wait_option,
)
from jobgate.cli.remote import Connection, connection_options, run
from jobgate.cli.terminal import Output, output_options

if TYPE_CHECKING:
    from jobgate.client import Client


@click.command(
    "call",
    cls=CallCommand,
    epilog="""\b
Examples:
  jobgate call count_words README.md
  jobgate call send_invoice 42 lang=de copies=2
  jobgate call resize - < request.json
  jobgate call backup --id backup-2030-12-24 --timeout 10m""",
)
@FUNCTION
@argument_options
@wait_option
@job_options(can_defer=False)
@output_options
@connection_options
def command(
    function: str,
    arguments: Arguments,
    timeout: timedelta | None,
    options: dict[str, Any],
    connection: Connection,
    output: Output,
) -> None:
    """Call FUNCTION in a worker, and write its result.

    A WORD is JSON where it is JSON, else text: 7 is a number, '"7"' and README.md are texts. NAME=WORD is an
    argument by name. @FILE and - stand for what is in a file and in standard input.

    In a terminal the progress of the job is shown. Ctrl-C ends the wait, not the job.
    """
    job_id = options.setdefault("job_id", secrets.token_hex(16))

    async def work(client: "Client") -> None:
        job = client.job(job_id)
        caller = client.with_options(timeout=timeout, **options)
        result = called(caller, function, arguments, job, timeout)
        output.value(await wait_for(job, result, connection, is_new=True))

    run(connection, work)
