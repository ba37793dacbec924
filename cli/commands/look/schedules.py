"""`jobgate schedules`: which cron jobs run when, and how they ended last."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from jobgate.cli.operate import MOMENT, impatient, watch, watch_option, when
from jobgate.cli.option import option
from jobgate.cli.remote import Connection, RemoteCommand, connection_options, run
from jobgate.cli.terminal import Column, Output, Sheet, output_options

if TYPE_CHECKING:
    from jobgate.client import Client, ScheduledRun, ScheduleInfo

_NOBODY: Final = (
    "No cron jobs: no live worker has any. Workers of stock arq, and of earlier releases, announce none."
)
#: Stands for a run that is not known.
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_NONE: Final = "No cron job runs before then."


def _next(schedule: "ScheduleInfo") -> str:
    """Return when it runs next, in local time."""
    if schedule.next_runs is None:
        return "unknown zone"
    return f"{schedule.next_runs[0].astimezone():%a %H:%M}" if schedule.next_runs else "never"


def _in(schedule: "ScheduleInfo") -> str | None:
    return when(schedule.next_runs[0]) if schedule.next_runs else None


def _words(schedule: "ScheduleInfo") -> str:
    return f"{schedule.words}, {schedule.timezone}" if schedule.timezone else schedule.words


def _last(schedule: "ScheduleInfo") -> str | None:
    return _told(schedule.last_runs[0]) if schedule.last_runs else None


def _told(run: "ScheduledRun") -> str:
    """Return how a run ended, when, and its error: in one text, for which narrow terminals have room too."""
    time = when(run.due_time or run.start_time or run.finish_time)
    end = f"{run.outcome} {time}" if time else run.outcome
    return f"{end}: {run.error}" if run.error else end


_COLUMNS: Final = (
    Column("cron job", lambda one: one.function, fold=True),
    Column("runs", _words, fold=True),
    Column("next", _next),
    Column("", _in, right=True),
    Column("last run", _last, fold=True),
    Column("workers", right=True, optional=True),
    Column("queue", optional=True),
)


@click.command(
    "schedules",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate schedules
  jobgate schedules --before +12h
  jobgate schedules --json | jq -r 'select(.last_runs[0].outcome == "missed") | .function'""",
)
@option(
    "--before",
    section="Which",
    envvar=(),
    type=MOMENT,
    metavar="TIME",
    help="Only what runs before this time, with all runs until then: +12h, tomorrow, 2026-08-01T06:00.",
)
@watch_option
@output_options
@connection_options
def command(before: datetime | None, is_watched: bool, connection: Connection, output: Output) -> None:
    """Show the cron jobs of live workers: when they run next, and how they ended last.

    `next` is local time. A run is `missed` if workers were alive and none has enqueued it; it is `unknown` if
    nothing is left of it. `jobgate enqueue` runs one now, by the name of the cron job.
    """

    async def show(client: "Client") -> None:
        async def read() -> list[Sheet]:
            found = await client.schedules(next_before=before)
            found.sort(key=lambda one: (one.next_runs[0] if one.next_runs else _LAST, one.id))
            return [Sheet(found, _COLUMNS, nothing=_NONE if before else _NOBODY)]

        if is_watched:
            await watch(read, connection, output)
        output.sheets(await read())

    run(impatient(connection) if is_watched else connection, show)
