"""`jobgate workers`: who is alive, and what each runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from jobgate.cli.operate import impatient, since, span, watch, watch_option
from jobgate.cli.remote import Connection, RemoteCommand, connection_options, run
from jobgate.cli.terminal import Column, Output, Sheet, output_options

if TYPE_CHECKING:
    from jobgate.client import Client, RunningJob, WorkerInfo

#: Seconds from which a block of the event loop, and a silence, are shown: heartbeats come every 3 s.
_BLOCKED: Final = 1.0
_SILENT: Final = 7.0
_NOBODY: Final = (
    "No live worker: none has announced itself within the last 15 seconds. "
    "`jobgate jobs --status in_progress` shows what was running, and where."
)
#: Running jobs that are listed.
_MOST_RUNNING: Final = 20


@dataclass(frozen=True, slots=True)
class _Run:
    """A running job, for people."""

    job: "RunningJob"
    worker: str
    #: Seconds that a try of its function may take; None = no limit, or not known.
    limit: float | None

    @property
    def state(self) -> str:
        """What is remarkable about it."""
        start = self.job.start_time
        if self.limit is None or start is None:
            return ""
        over = (datetime.now(UTC) - start).total_seconds() - self.limit
        return f"{span(over)} over its limit" if over > 0 else ""


def _state(worker: "WorkerInfo") -> str:
    """Return what is remarkable about a worker."""
    silent = (datetime.now(UTC) - worker.heartbeat_time).total_seconds() if worker.heartbeat_time else 0
    if silent > _SILENT:
        return f"silent for {span(silent)}"
    if (worker.lag or 0) > _BLOCKED:
        return f"was blocked for {span(worker.lag or 0)}"
    return "full" if 0 < worker.max_jobs <= worker.in_progress else "ok"


def _memory(worker: "WorkerInfo") -> str | None:
    return None if worker.memory is None else f"{worker.memory / 2**20:.0f} MiB"


_COLUMNS: Final = (
    Column("worker", fold=True),
    Column("host", optional=True),
    Column("pid", right=True),
    Column("runs", lambda worker: f"{worker.in_progress}/{worker.max_jobs}", right=True),
    Column("state", _state),
    Column("up", lambda worker: since(worker.start_time), right=True),
    Column("succeeded", right=True, optional=True),
    Column("failed", right=True, optional=True),
    Column("memory", _memory, right=True, optional=True),
    Column("queues", optional=True),
    Column("version", optional=True),
)
_RUNNING: Final = (
    Column("function", lambda run: run.job.function),
    Column("job", lambda run: run.job.job_id, fold=True),
    Column("for", lambda run: since(run.job.start_time), right=True),
    Column("limit", lambda run: None if run.limit is None else span(run.limit), right=True, optional=True),
    Column("state", lambda run: run.state),
    Column("worker", fold=True, optional=True),
)


@click.command(
    "workers",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate workers --watch
  jobgate workers --json | jq -r '.worker as $w | .running[] | [$w, .function, .start_time] | @tsv'""",
)
@watch_option
@output_options
@connection_options
def command(is_watched: bool, connection: Connection, output: Output) -> None:
    """Show the live workers, and the jobs that have run longest.

    A worker is `silent` if its heartbeats are missing, `was blocked` if a function blocked its event loop,
    and `full` if it runs as many jobs as it may. `limit` is the timeout of the function. Stock arq workers do
    not announce themselves.
    """

    async def show(client: "Client") -> None:
        limits = {} if output.is_json else await _limits(client)

        async def read() -> list[Sheet]:
            return _sheets(await client.workers(), limits)

        if is_watched:
            await watch(read, connection, output)
        output.sheets(await read())

    run(impatient(connection) if is_watched else connection, show)


async def _limits(client: "Client") -> dict[str, float | None]:
    """Return the timeouts of functions that this caller may see."""
    return {one.name: one.timeout for one in await client.functions()}


def _sheets(workers: Sequence["WorkerInfo"], limits: Mapping[str, float | None]) -> list[Sheet]:
    running = [
        _Run(job, worker.worker, limits.get(job.function or ""))
        for worker in workers
        for job in worker.running
    ]
    running.sort(key=lambda one: one.job.start_time or datetime.max.replace(tzinfo=UTC))
    sheets = [Sheet(workers, _COLUMNS, nothing=_NOBODY)]
    if running:
        more = f", the longest {_MOST_RUNNING}" if len(running) > _MOST_RUNNING else ""
        sheets.append(Sheet(running[:_MOST_RUNNING], _RUNNING, f"Running{more}"))
    return sheets
