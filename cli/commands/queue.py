"""`jobgate queue`: pause, resume and list queues."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import click

from jobgate.broker import Broker, BrokerError, QueueDepth
from jobgate.broker.errors import NotAQueue

T = TypeVar("T")
_COLUMNS = ("queue", "queued", "deferred", "in progress", "oldest due", "workers", "")


@click.group(short_help="Pause, resume and list queues.")
def command() -> None:
    """Pause, resume and list queues."""


def _options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where Redis is."""
    for option in (
        click.option(
            "--namespace",
            envvar="JOBGATE_NAMESPACE",
            default="arq",
            show_default=True,
            help="Prefix of keys.",
        ),
        click.option(
            "--redis",
            "redis_url",
            envvar="JOBGATE_REDIS_URL",
            default="redis://localhost:6379",
            show_default=True,
            metavar="URL",
            help="redis://, rediss://, unix:// or redis+sentinel:// URL.",
        ),
    ):
        function = option(function)
    return function


@command.command()
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True)
@_options
def pause(names: Sequence[str], **where: str) -> None:
    """Let workers claim nothing more from these queues.

    Jobs that run go on, and jobs can be enqueued and aborted. Stock arq workers know no pause and go on.
    """

    async def pause_all(broker: Broker) -> None:
        for name in names:
            await broker.pause(name)
            click.echo(f"{name} is paused")

    _run(pause_all, names, **where)


@command.command()
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True)
@_options
def resume(names: Sequence[str], **where: str) -> None:
    """Let workers claim from these queues again, at once."""

    async def resume_all(broker: Broker) -> None:
        for name in names:
            await broker.resume(name)
            click.echo(f"{name} is resumed")

    _run(resume_all, names, **where)


@command.command("list", short_help="List queues, with their jobs and workers.")
@click.argument("names", metavar="[QUEUE]...", nargs=-1)
@_options
def list_(names: Sequence[str], **where: str) -> None:
    """List queues: these, or all that hold jobs, have a live worker or are paused.

    To find them all it scans the keys of Redis, step by step and without blocking others.
    """

    async def read(broker: Broker) -> list[QueueDepth]:
        if names:
            return [await broker.queue_depth(name) for name in names]
        found = [await _depth(broker, name) for name in await broker.queues()]
        return [depth for depth in found if depth is not None]

    rows = [_COLUMNS, *(_row(depth) for depth in _run(read, names, **where))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers in rows:
        cells = [number.rjust(width) for number, width in zip(numbers[:-1], widths[1:-1], strict=True)]
        click.echo("  ".join([name.ljust(widths[0]), *cells, numbers[-1]]).rstrip())


async def _depth(broker: Broker, name: str) -> QueueDepth | None:
    try:
        return await broker.queue_depth(name)
    except NotAQueue:  # something else has taken its name: the others are shown
        return None


def _row(depth: QueueDepth) -> tuple[str, ...]:
    numbers = (
        depth.queued,
        depth.deferred,
        depth.in_progress,
        f"{depth.oldest_due_age:.0f} s",
        depth.workers,
    )
    return (depth.queue, *map(str, numbers), "paused" if depth.is_paused else "")


def _run(
    call: Callable[[Broker], Awaitable[T]], queues: Sequence[str], *, redis_url: str, namespace: str
) -> T:
    """Call something with a broker that is connected while it runs, if these queues can have their names."""

    async def connected() -> Any:
        broker = Broker(redis_url, namespace=namespace)
        for name in queues:
            broker.keys.queue(name)
        async with broker:
            return await call(broker)

    try:
        answer: T = asyncio.run(connected())
    except (BrokerError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    return answer
