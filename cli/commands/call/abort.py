"""`jobgate abort`: stop jobs, whether they wait or run."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from jobgate.cli.duration import DURATION
from jobgate.cli.option import option
from jobgate.cli.remote import Connection, ExitCode, RemoteCommand, connection_options, for_each, run
from jobgate.cli.terminal import Output, output_options

if TYPE_CHECKING:
    from jobgate.client import Client

_DEFAULT_TIMEOUT: Final = timedelta(seconds=30)


@click.command(
    "abort",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate abort invoice-42
  jobgate abort report-1 report-2 --timeout 5s
  jobgate bulk abort --function send_report --status deferred""",
)
@click.argument("job_ids", metavar="JOB_ID...", nargs=-1, required=True)
@option(
    "--timeout",
    section="Wait",
    envvar=(),
    type=DURATION,
    default=_DEFAULT_TIMEOUT,
    show_default="30s",
    metavar="DURATION",
    help="How long to wait until a running job has stopped; 0 = do not wait.",
)
@output_options
@connection_options
def command(job_ids: Sequence[str], timeout: timedelta, connection: Connection, output: Output) -> None:
    """Stop jobs: waiting ones at once, running ones as soon as their worker gets the request."""

    async def abort(client: "Client", job_id: str) -> int:
        aborted = await client.job(job_id).abort(timeout)
        if output.is_json:
            output.value({"job_id": job_id, "aborted": aborted})
        else:
            output.line(f"{job_id} {'is aborted' if aborted else 'had ended already'}")
        return ExitCode.OK if aborted else ExitCode.REFUSED

    run(connection, lambda client: for_each(job_ids, connection, lambda job_id: abort(client, job_id)))
