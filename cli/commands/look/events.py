"""`jobgate events`: what happens to jobs, as it happens."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from jobgate.cli.option import option
from jobgate.cli.remote import Connection, RemoteCommand, connection_options, run
from jobgate.cli.terminal import Column, Output, Rows, output_options, progress_of, say

if TYPE_CHECKING:
    from jobgate.client import Client, JobEvent, QueueEvent

#: A gateway that has answered once is waited for as long as the command runs.
_PATIENCE: Final = timedelta(days=365)
#: Seconds between two tries where Redis itself is away.
_PAUSE: Final = 1.0
_SECTION: Final = "Which events"


def _outcome(event: "QueueEvent") -> str:
    if event.kind == "gap":
        return "some events are left out" if event.missed is None else f"{event.missed} events are left out"
    if event.kind != "finished":
        return ""
    return {True: "succeeded", False: "failed", None: "result not kept"}[event.success]


def _status(event: "JobEvent") -> str:
    """Return the status of a job at this moment; its end in the words of the other events."""
    if event.job.success is None:
        return event.job.status.value
    return "succeeded" if event.job.success else "failed"


_COLUMNS: Final = (
    Column("time", lambda event: event.time and f"{event.time.astimezone():%H:%M:%S}", least=8),
    Column("event", lambda event: event.kind.value, least=8),
    Column("function", least=20),
    Column("job", lambda event: event.job_id, fold=True, least=32),
    Column("outcome", _outcome, least=9),
    Column("queue", optional=True, least=12),
)
_COLUMNS_OF_JOBS: Final = (
    Column("time", lambda event: event.time and f"{event.time.astimezone():%H:%M:%S}", least=8),
    Column("job", lambda event: event.job.job_id, fold=True, least=32),
    Column("function", lambda event: event.job.function, least=20),
    Column("status", _status, least=11),
    Column("tries", lambda event: event.job.tries, right=True, optional=True),
    Column("progress", lambda event: progress_of(event.job), least=20, optional=True),
)


@click.command(
    "events",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate events --function send_invoice
  jobgate events invoice-42 invoice-43
  jobgate events | jq -r 'select(.success == false) | .job_id'""",
)
@click.argument("job_ids", metavar="[JOB_ID]...", nargs=-1)
@option("--queue", section=_SECTION, envvar=(), metavar="NAME", help="Only events of this queue.")
@option("--function", section=_SECTION, envvar=(), metavar="NAME", help="Only events of this function.")
@output_options
@connection_options
def command(
    job_ids: Sequence[str],
    queue: str | None,
    function: str | None,
    connection: Connection,
    output: Output,
) -> None:
    """Follow what happens to all jobs that the key may see, until Ctrl-C; or to given jobs, until they end.

    It survives restarts of the gateway. Where a gateway leaves out events of a busy queue, or
    some were missed, there is an event `gap`.
    """
    if job_ids and (queue or function):
        raise click.UsageError("Give ids of jobs, or --queue and --function, not both.")

    async def follow(client: "Client") -> None:
        # The first answer comes in time or not at all: a wrong address is not waited for.
        await _check(client, job_ids, queue)
        async with replace(connection, request_timeout=_PATIENCE).client() as patient:
            if job_ids:
                await _follow_jobs(patient, job_ids, output.rows(_COLUMNS_OF_JOBS))
            else:
                await _follow_all(patient, output.rows(_COLUMNS), queue=queue, function=function)

    run(connection, follow)


async def _check(client: "Client", job_ids: Sequence[str], queue: str | None) -> None:
    """Raise what would end the command: no answer, no rights, no such job."""
    for job_id in job_ids:
        await client.job(job_id).info()
    if not job_ids:
        jobs = client.jobs(limit=1, queue=queue) if queue else client.jobs(limit=1)
        async with aclosing(jobs):
            await anext(jobs, None)


async def _follow_all(client: "Client", rows: Rows, **which: str | None) -> None:
    from jobgate.client import GatewayUnavailable  # noqa: PLC0415 - it takes longer to import than all of this

    while True:
        try:
            async with aclosing(client.events(**which)) as events:
                async for event in events:
                    rows.show([event])
        except GatewayUnavailable as error:  # of Redis: a gateway is waited for by the client
            say(f"{error} Still trying. Ctrl-C ends this.")
            await asyncio.sleep(_PAUSE)


async def _follow_jobs(client: "Client", job_ids: Sequence[str], rows: Rows) -> None:
    async def follow(events: AsyncGenerator["JobEvent", None]) -> None:
        async with aclosing(events):
            async for event in events:
                rows.show([event])

    streams: list[AsyncGenerator[Any, None]] = [
        client.job(job_id).events() for job_id in dict.fromkeys(job_ids)
    ]
    tasks = [asyncio.create_task(follow(events)) for events in streams]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
