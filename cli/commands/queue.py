"""`jobgate queue`: list, pause and resume queues, through a gateway or directly in Redis."""

from collections.abc import Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from jobgate.cli.option import Decorated, option
from jobgate.cli.remote import (
    DEFAULT_URL,
    Connection,
    RemoteCommand,
    connection_options,
    connection_to,
    is_redis,
    run,
)
from jobgate.cli.terminal import Output, output_options

if TYPE_CHECKING:
    from jobgate.client import Client, QueueInfo

#: A queue; None = its key holds another type of value.
_Listed = tuple[str, "QueueInfo | None"]
_NOT_A_QUEUE = "its key holds another type of value"
_COLUMNS = ("queue", "queued", "deferred", "in progress", "oldest due", "workers", "")

_REDIS: Final = option(
    "--redis",
    section="Connection",
    envvar=("JOBGATE_REDIS_URL",),
    metavar="URL",
    help="Redis itself, in place of --url. The variable counts where no URL of a gateway is set.",
)


def _place(function: Decorated) -> Decorated:
    """Give a command the options of its connection, and --redis as another way to name Redis."""

    @wraps(function)
    def command(*args: Any, redis: str | None, connection: Connection, **options: Any) -> Any:
        context = click.get_current_context()
        sources = {name: context.get_parameter_source(name) for name in ("redis", "url")}
        is_chosen = sources["url"] is not ParameterSource.DEFAULT or connection.url != DEFAULT_URL
        if redis is not None and (sources["redis"] is ParameterSource.COMMANDLINE or not is_chosen):
            connection = connection_to(redis)
        return function(*args, connection=connection, **options)

    return _REDIS(connection_options(command))  # type: ignore[return-value]


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
@_place
def list_(names: Sequence[str], connection: Connection) -> None:
    """List the given queues, or all that hold jobs, were in use within the last day or are paused.

    To find all queues in Redis it scans the keys in steps, which does not block other clients. A gateway
    lists those that were in use within the last day, as `jobgate queues` does with more about each.
    """

    async def show(client: "Client") -> None:
        rows = [_COLUMNS, *(_row(*each) for each in await _listed(client, connection, names))]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        output = Output()
        for name, *numbers in rows:
            cells = [number.rjust(width) for number, width in zip(numbers[:-1], widths[1:-1], strict=True)]
            output.line("  ".join([name.ljust(widths[0]), *cells, numbers[-1]]).rstrip())

    run(connection, show)


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


async def _listed(client: "Client", connection: Connection, names: Sequence[str]) -> list[_Listed]:
    if not is_redis(connection.url):
        found = [await client.queue(name) for name in names] if names else await client.queues()
        return [(queue.queue, queue) for queue in found]
    # Not at the top: the base install has no broker.
    from jobgate.broker import DEFAULT_NAMESPACE, Broker, BrokerError  # noqa: PLC0415

    try:
        async with Broker(connection.url, namespace=connection.namespace or DEFAULT_NAMESPACE) as broker:
            keys = [broker.keys.queue(name) for name in names] or await broker.queues()
            depths = await broker.queue_depths(keys)
    except (BrokerError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    return [
        (name, None if depth is None else await client.queue(name))
        for name, depth in zip(keys, depths, strict=True)
    ]


def _row(name: str, queue: "QueueInfo | None") -> tuple[str, ...]:
    if queue is None:
        return (name, *["-"] * (len(_COLUMNS) - 2), _NOT_A_QUEUE)
    age = f"{queue.oldest_due_age:.0f} s"
    numbers = (queue.queued, queue.deferred, queue.in_progress, age, queue.workers)
    return (name, *map(str, numbers), _pause(queue))


def _pause(queue: "QueueInfo") -> str:
    if not queue.paused:
        return ""
    since = queue.paused_since
    return "paused" if since is None else f"paused since {since:%Y-%m-%dT%H:%M:%SZ}"
