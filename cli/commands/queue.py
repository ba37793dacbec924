"""`jobgate queue`: list, pause and resume queues."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import click

from jobgate.broker import Broker, BrokerError, NotAQueue, QueueDepth, time_of
from jobgate.cli.options import Group, storage

T = TypeVar("T")
#: A queue and its depth; None = its key holds another type of value.
_Listed = tuple[str, QueueDepth | None]
_NOT_A_QUEUE = "its key holds another type of value"
_COLUMNS = ("queue", "queued", "deferred", "in progress", "oldest due", "workers", "")


@click.group("queue", cls=Group)
def command() -> None:
    """List, pause and resume queues."""


@command.command()
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True)
@storage.REDIS
@storage.NAMESPACE
def pause(names: Sequence[str], **where: str) -> None:
    """Let workers claim no more jobs from these queues.

    Running jobs continue, and jobs can still be enqueued and aborted. Stock arq workers do not know of
    pauses and claim as before.
    """
    _run_for_each(Broker.pause, names, "is paused", **where)


@command.command()
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True)
@storage.REDIS
@storage.NAMESPACE
def resume(names: Sequence[str], **where: str) -> None:
    """Let workers claim from these queues again, at once."""
    _run_for_each(Broker.resume, names, "is resumed", **where)


@command.command("list", short_help="List queues with their jobs and workers.")
@click.argument("names", metavar="[QUEUE]...", nargs=-1)
@storage.REDIS
@storage.NAMESPACE
def list_(names: Sequence[str], **where: str) -> None:
    """List the given queues, or all that hold jobs, were in use within the last day or are paused.

    To find all queues it scans the keys of Redis in steps, which does not block other clients.
    """

    async def read(broker: Broker) -> list[_Listed]:
        return [(name, await _depth(broker, name)) for name in names or await broker.queues()]

    rows = [_COLUMNS, *(_row(name, depth) for name, depth in _run(read, names, **where))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers in rows:
        cells = [number.rjust(width) for number, width in zip(numbers[:-1], widths[1:-1], strict=True)]
        click.echo("  ".join([name.ljust(widths[0]), *cells, numbers[-1]]).rstrip())


async def _depth(broker: Broker, queue: str) -> QueueDepth | None:
    """Return the depth of a queue; None if its key holds another type of value."""
    try:
        return await broker.queue_depth(queue)
    except NotAQueue:
        return None


def _row(name: str, depth: QueueDepth | None) -> tuple[str, ...]:
    if depth is None:
        return (name, *["-"] * (len(_COLUMNS) - 2), _NOT_A_QUEUE)
    age = f"{depth.oldest_due_age:.0f} s"
    numbers = (depth.queued, depth.deferred, depth.in_progress, age, depth.workers)
    return (name, *map(str, numbers), _pause(depth))


def _pause(depth: QueueDepth) -> str:
    if not depth.is_paused:
        return ""
    since = time_of(depth.paused_since_ms)
    return "paused" if since is None else f"paused since {since:%Y-%m-%dT%H:%M:%SZ}"


def _run_for_each(
    act: Callable[[Broker, str], Awaitable[None]], names: Sequence[str], said: str, **where: str
) -> None:
    async def act_on_all(broker: Broker) -> None:
        for name in names:
            await act(broker, name)
            click.echo(f"{name} {said}")

    _run(act_on_all, names, **where)


def _run(call: Callable[[Broker], Awaitable[T]], queues: Sequence[str], *, redis: str, namespace: str) -> T:
    """Return the answer of `call` with a connected broker, once the names of the queues are validated."""

    async def connected() -> T:
        broker = Broker(redis, namespace=namespace)
        for name in queues:
            broker.keys.queue(name)
        async with broker:
            return await call(broker)

    try:
        return asyncio.run(connected())
    except (BrokerError, ValueError) as error:
        raise click.ClickException(str(error)) from error
