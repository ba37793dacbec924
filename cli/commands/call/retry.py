"""`jobgate retry`: run jobs again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from jobgate.cli.remote import Connection, RemoteCommand, connection_options, for_each, run
from jobgate.cli.terminal import Output, output_options

if TYPE_CHECKING:
    from jobgate.client import Client


@click.command(
    "retry",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate retry invoice-42
  jobgate result $(jobgate retry invoice-42) --wait
  jobgate bulk retry --function send_invoice --since 1h""",
)
@click.argument("job_ids", metavar="JOB_ID...", nargs=-1, required=True)
@output_options
@connection_options
def command(job_ids: Sequence[str], connection: Connection, output: Output) -> None:
    """Run finished jobs again, with the same arguments, and write the ids of the new jobs.

    A job is run again once: the same command again writes the same ids.
    """

    async def retry(client: "Client", job_id: str) -> int:
        again = await client.job(job_id).retry()
        if output.is_json_wanted:
            output.value({"job_id": again.id, "retry_of": job_id})
        else:
            output.line(again.id)
        return 0

    run(connection, lambda client: for_each(job_ids, connection, lambda job_id: retry(client, job_id)))
