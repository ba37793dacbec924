"""Is a live worker there? `jobgate check` asks, and `jobgate worker --check` as arq does."""

import asyncio

import click

from jobgate.cli.processes import failed_with
from jobgate.worker import Settings, WorkerError, load_settings, look_for_workers


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
