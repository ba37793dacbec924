"""`jobgate check`: is a worker alive?"""

import asyncio
from typing import Any

import click

from jobgate.cli.options import Command, queues, storage, workers
from jobgate.cli.processes import failed_with
from jobgate.worker import Settings, WorkerError, load_settings, look_for_workers


@click.command("check", cls=Command)
@workers.SETTINGS
@storage.REDIS.of_settings()
@storage.NAMESPACE.of_settings()
@queues.CHECKED_QUEUES
def command(settings: str, redis: str | None, **given: Any) -> None:
    """Check whether a live worker serves each queue of MODULE.WorkerSettings.

    Writes one line. Exit codes: 0 each queue has a live worker, 1 a queue has none or Redis does not answer.

    A worker is alive when it has announced itself within the last 15 seconds, which it does only while it
    claims jobs. Where the settings have a `health_check_key`, only workers with the same key count. Stock arq
    workers do not announce themselves: use `arq --check` for them.
    """
    raise SystemExit(check(settings, redis_settings=redis, **given))


def check(settings: str, **overrides: object) -> int:
    """Look for live workers and write one line about them.

    Args:
        settings: `MODULE.WorkerSettings`.
        overrides: Settings that override the class; None = as in the class.

    Returns:
        The exit code.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        found = asyncio.run(look_for_workers(Settings.of(load_settings(settings), **given)))
    except (WorkerError, ValueError) as error:
        raise failed_with(error) from error
    click.echo(("ok: " if found.alive else "failed: ") + found.detail, err=not found.alive)
    return 0 if found.alive else 1
