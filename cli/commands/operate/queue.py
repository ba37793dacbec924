"""`jobgate queue`: list, pause and resume queues, through a gateway or directly in Redis."""

from collections.abc import Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from jobgate.cli.operate import queue_sheet
from jobgate.cli.option import Body, option
from jobgate.cli.remote import (
    DEFAULT_URL,
    Connection,
    RefusedError,
    RemoteCommand,
    connection_options,
    connection_to,
    is_redis,
    run,
)
from jobgate.cli.terminal import Output, output_options, say

if TYPE_CHECKING:
    from jobgate.client import Client, QueueInfo

_REDIS: Final = option(
    "--redis",
    section="Connection",
    envvar=("JOBGATE_REDIS_URL",),
    metavar="URL",
    help="Redis itself, in place of --url. The variable counts where no URL of a gateway is set.",
)


def _place(function: Body) -> Body:
    """Give a command the options of its connection, and --redis as another way to name Redis."""

    @wraps(function)
    def command(*args: Any, redis: str | None, connection: Connection, **options: Any) -> Any:
        context = click.get_current_context()
        sources = {name: context.get_parameter_source(name) for name in ("redis", "url")}
        is_chosen = sources["url"] is not ParameterSource.DEFAULT or connection.url != DEFAULT_URL
        if redis is not None and (sources["redis"] is ParameterSource.COMMANDLINE or not is_chosen):
            connection = connection_to(redis)
        return function(*args, connection=connection, **options)

    return _REDIS(connection_options(command))


@click.group("queue")
def command() -> None:
    """List, pause and resume queues."""


@command.command(cls=RemoteCommand)
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True)
@output_options
@_place
def pause(names: Sequence[str], connection: Connection, output: Output) -> None:
    """Let workers claim no more jobs from these queues.

    Running jobs continue, and jobs can still be enqueued and aborted. Stock arq workers do not know of
    pauses and claim as before. With keys it needs the scope operate.
    """
    _switch(names, connection, output, "pause", "is paused")


@command.command(cls=RemoteCommand)
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True)
@output_options
@_place
def resume(names: Sequence[str], connection: Connection, output: Output) -> None:
    """Let workers claim from these queues again, at once. With keys it needs the scope operate."""
    _switch(names, connection, output, "resume", "is resumed")


@command.command("list", cls=RemoteCommand, short_help="List queues with their jobs and workers.")
@click.argument("names", metavar="[QUEUE]...", nargs=-1)
@output_options
@_place
def list_(names: Sequence[str], connection: Connection, output: Output) -> None:
    """List the given queues, or all that hold jobs, were in use within the last day or are paused.

    To find all queues in Redis it scans the keys in steps, which does not block other clients. A gateway
    lists those that were in use within the last day, as `jobgate queues` does.
    """

    async def show(client: "Client") -> None:
        known = {} if names else {queue.queue: queue for queue in await client.queues()}
        scanned = await _names_in(connection) if is_redis(connection.url) and not names else []
        queues = [
            known.get(name) or await _queue(client, name) for name in names or sorted({*known, *scanned})
        ]
        output.sheets([queue_sheet([queue for queue in queues if queue is not None])])

    run(connection, show)


async def _queue(client: "Client", name: str) -> "QueueInfo | None":
    """Return a queue; say so and return None if its key holds something else."""
    from jobgate.client import InvalidRequest  # noqa: PLC0415 - it takes longer to import than all of this

    try:
        return await client.queue(name)
    except InvalidRequest as error:
        say(f"{name}: {error}")
        return None


def _switch(names: Sequence[str], connection: Connection, output: Output, to: str, said: str) -> None:
    async def switch(client: "Client") -> None:
        for name in names:  # a wrong name changes none of the others
            await client.queue(name)
        for name in names:
            queue = await (client.pause(name) if to == "pause" else client.resume(name))
            if output.is_json_wanted:
                output.value(queue)
            else:
                output.line(f"{name} {said}")

    run(connection, switch)


async def _names_in(connection: Connection) -> list[str]:
    """Return the names of all queues in Redis."""
    # Not at the top: the base install has no broker.
    from jobgate.broker import DEFAULT_NAMESPACE, Broker, BrokerError  # noqa: PLC0415

    try:
        async with Broker(connection.url, namespace=connection.namespace or DEFAULT_NAMESPACE) as broker:
            return list(await broker.queues())
    except (BrokerError, ValueError) as error:
        raise RefusedError(str(error)) from error
