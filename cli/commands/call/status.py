"""`jobgate status`: what is known of jobs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from jobgate.cli.remote import Connection, RemoteCommand, connection_options, for_each, run
from jobgate.cli.terminal import Column, Output, cell, output_options, progress_of, status_of

if TYPE_CHECKING:
    from jobgate.client import Client, JobInfo, TryInfo

_COLUMNS: Final = (
    Column("job", lambda job: job.job_id),
    Column("function"),
    Column("status", status_of),
    Column("tries", right=True),
    Column("progress", progress_of),
)


@click.command(
    "status",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate status invoice-42
  jobgate status invoice-42 --json | jq -r .status""",
)
@click.argument("job_ids", metavar="JOB_ID...", nargs=-1, required=True)
@output_options
@connection_options
def command(job_ids: Sequence[str], connection: Connection, output: Output) -> None:
    """Show everything known about a job, or the status of several in a table."""
    jobs: list[JobInfo] = []

    async def show(client: "Client") -> int:
        async def read(job_id: str) -> int:
            jobs.append(await client.job(job_id).info())
            return 0

        code = await for_each(job_ids, connection, read)
        if len(job_ids) > 1:
            output.records(jobs, _COLUMNS)
        elif jobs:
            output.facts(jobs[0], _facts(jobs[0]))
        return code

    run(connection, show)


def _facts(job: "JobInfo") -> list[tuple[str, object]]:
    known: dict[str, Any] = {
        "job": job.job_id,
        "function": job.function,
        "queue": job.queue,
        "status": status_of(job),
        "progress": progress_of(job),
        "error": f"{job.error.type}: {job.error.message} ({job.error.code})" if job.error else None,
        "tries": job.tries,
        "worker": job.worker,
        "enqueued": job.enqueue_time,
        "due": job.due_time,
        "started": job.start_time,
        "finished": job.finish_time,
        "retry of": job.retry_of,
        "retried as": job.retried_as,
    }
    tries = [(f"try {one.number}", _end_of(one)) for one in job.earlier_tries]
    return [*((name, value) for name, value in known.items() if value is not None), *tries]


def _end_of(one: "TryInfo") -> str:
    """Return when and why a try ended, in a few words."""
    why = "its worker was lost" if one.lost else "the function asked to run again"
    if one.error is not None:
        why = f"{one.error.type}: {one.error.message}"
    return why if one.end_time is None else f"{cell(one.end_time)} {why}"
