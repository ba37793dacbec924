"""`jobgate jobs`: the jobs of queues."""

from typing import TYPE_CHECKING, Final

import click

from jobgate.cli.operate import Which, job_filters, jobs_of, limit_options, since, when, write_list
from jobgate.cli.option import option
from jobgate.cli.remote import Connection, RemoteCommand, connection_options, run
from jobgate.cli.terminal import Column, Output, output_options, progress_of, status_of

if TYPE_CHECKING:
    from jobgate.client import Client, JobInfo


def _when(job: "JobInfo") -> str | None:
    """Return how a job stands in time: how long it has run or waited, or when it ended."""
    if job.finish_time is not None:
        return when(job.finish_time)
    if job.start_time is not None:
        return f"for {since(job.start_time)}"
    return f"due {when(job.due_time)}" if job.due_time else None


_COLUMNS: Final = (
    Column("job", lambda job: job.job_id, fold=True),
    Column("function"),
    Column("status", status_of),
    Column("when", _when),
    Column("progress", progress_of, optional=True),
    Column("tries", right=True, optional=True),
    Column("queue", optional=True),
    Column("worker", optional=True),
)


@click.command(
    "jobs",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate jobs --status in_progress
  jobgate jobs --function send_invoice --since 1h --all
  jobgate jobs --queue mail --status deferred --json | jq -r .job_id""",
)
@job_filters("function", "status", "error_type", "code", "since", "until")
@option(
    "--newest",
    section="Output",
    envvar=(),
    is_flag=True,
    help="All in one list, the latest first: ended jobs by the time of their end, others by due time.",
)
@limit_options(50)
@output_options
@connection_options
def command(which: Which, newest: bool, limit: int | None, connection: Connection, output: Output) -> None:
    """List jobs: those that run or wait first, by due time, then those that have ended, newest first."""

    async def show(client: "Client") -> None:
        jobs = jobs_of(client, which.but(order="newest") if newest else which, limit=limit and limit + 1)
        await write_list(jobs, output.rows(_COLUMNS), limit, "There are no such jobs.")

    run(connection, show)
