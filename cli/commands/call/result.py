"""`jobgate result`: the result of a job."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from jobgate.cli.calls import wait_for, wait_option
from jobgate.cli.option import option
from jobgate.cli.remote import Connection, RemoteCommand, connection_options, run
from jobgate.cli.terminal import Output, output_options

if TYPE_CHECKING:
    from jobgate.client import Client


@click.command(
    "result",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate result invoice-42
  jobgate result invoice-42 --wait --timeout 10m""",
)
@click.argument("job_id")
@option("--wait", "waits", section="Wait", envvar=(), is_flag=True, help="Wait until the job has ended.")
@wait_option
@output_options
@connection_options
def command(
    job_id: str, waits: bool, timeout: timedelta | None, connection: Connection, output: Output
) -> None:
    """Write the result of a job."""

    async def work(client: "Client") -> None:
        job = client.job(job_id)
        if waits or timeout is not None:
            output.value(await wait_for(job, job.result(timeout), connection))
        else:
            output.value(await job.result(0))

    run(connection, work)
