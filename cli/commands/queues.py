"""`jobgate queues`: what waits and runs in each queue."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from jobgate.cli.operate import impatient, since, span, watch, watch_option
from jobgate.cli.remote import Connection, RemoteCommand, connection_options, run
from jobgate.cli.terminal import Column, Output, Sheet, output_options

if TYPE_CHECKING:
    from jobgate.client import Client, QueueInfo

#: Minutes whose mean is the rate; the minute that still runs is not one of them.
_MINUTES: Final = 5
_BARS: Final = "▁▂▃▄▅▆▇█"
#: Minutes that one bar stands for.
_A_BAR: Final = 4


def _rate(queue: "QueueInfo") -> str:
    """Return how many jobs end in a minute."""
    minutes = queue.last_hour.minutes[-_MINUTES - 1 : -1]
    ended = sum(one.succeeded + one.failed + one.aborted for one in minutes)
    return f"{ended / len(minutes):.3g}" if minutes else ""


def _hour(queue: "QueueInfo") -> str:
    """Return the jobs that ended in the last hour as bars."""
    ended = [one.succeeded + one.failed + one.aborted for one in queue.last_hour.minutes]
    sums = [sum(ended[at : at + _A_BAR]) for at in range(0, len(ended), _A_BAR)]
    most = max(sums, default=0)
    return "".join(_BARS[-(-7 * one // most)] for one in sums) if most else ""


def _state(queue: "QueueInfo") -> str:
    if queue.paused:
        lasts = since(queue.paused_since)
        return f"paused for {lasts}" if lasts else "paused"
    is_served = queue.workers or queue.health_line
    return "no worker" if queue.queued and not is_served else ""


_COLUMNS: Final = (
    Column("queue", fold=True),
    Column("queued", right=True),
    Column("deferred", right=True, optional=True),
    Column("running", lambda queue: queue.in_progress, right=True),
    Column(
        "oldest", lambda queue: span(queue.oldest_due_age) if queue.queued else "", right=True, optional=True
    ),
    Column("workers", right=True),
    Column("state", _state),
    Column("ended/min", _rate, right=True, optional=True),
    Column("failed/h", lambda queue: queue.last_hour.total.failed, right=True, optional=True),
    Column("last hour", _hour, optional=True),
)


def _without_minutes(queue: "QueueInfo") -> dict[str, Any]:
    """Return what programs get of a queue."""
    members = asdict(queue)
    del members["last_hour"]["minutes"]
    return members


@click.command(
    "queues",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate queues --watch
  jobgate queues mail urgent
  jobgate queues --json | jq -r 'select(.queued > 1000) | .queue'""",
)
@click.argument("names", metavar="[QUEUE]...", nargs=-1)
@watch_option
@output_options
@connection_options
def command(names: Sequence[str], is_watched: bool, connection: Connection, output: Output) -> None:
    """Show what waits and runs in the given queues, or in all that were in use within the last day.

    `oldest` is for how long the job that waits longest has been due, `ended/min` the mean of the last five
    minutes. `no worker` means that jobs wait and nobody takes them.
    """

    async def read(client: "Client") -> list[Sheet]:
        queues = [await client.queue(name) for name in names] if names else await client.queues()
        return [Sheet(queues, _COLUMNS, to_json=_without_minutes)]

    async def show(client: "Client") -> None:
        if is_watched:
            await watch(lambda: read(client), connection, output)
        output.sheets(await read(client))

    run(impatient(connection) if is_watched else connection, show)
