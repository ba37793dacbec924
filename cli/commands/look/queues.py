"""`jobgate queues`: what waits and runs in each queue."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from jobgate.cli.operate import impatient, queue_sheet, watch, watch_option
from jobgate.cli.remote import Connection, RemoteCommand, connection_options, run
from jobgate.cli.terminal import Output, Sheet, output_options

if TYPE_CHECKING:
    from jobgate.client import Client


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

    `oldest` is how long the oldest due job has waited, `ended/min` the mean of the last five minutes.
    `no worker` means that jobs wait and nobody takes them.
    """

    async def read(client: "Client") -> list[Sheet]:
        queues = [await client.queue(name) for name in names] if names else await client.queues()
        return [queue_sheet(queues)]

    async def show(client: "Client") -> None:
        if is_watched:
            await watch(lambda: read(client), connection, output)
        output.sheets(await read(client))

    run(impatient(connection) if is_watched else connection, show)
