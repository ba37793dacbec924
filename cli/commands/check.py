"""`jobgate check`: is a worker alive?"""

import asyncio
from collections.abc import Mapping

import click

from jobgate.cli.options.queue_weights import queue_option
from jobgate.cli.processes.failure import failed_with
from jobgate.worker import Settings, WorkerError, load_settings, look_for_workers


@click.command("check", context_settings={"auto_envvar_prefix": "JOBGATE"})
@click.argument("settings", metavar="MODULE.WorkerSettings")
@click.option(
    "--redis", "redis_url", envvar="JOBGATE_REDIS_URL", metavar="URL", help="Where Redis is, as for a worker."
)
@queue_option(
    "As for a worker.",
)
@click.option("--namespace", metavar="NS", help="First part of all Redis keys.  [default: arq]")
def command(
    settings: str, redis_url: str | None, queues: Mapping[str, int] | None, namespace: str | None
) -> None:
    """Look whether a live worker serves the queues of MODULE.WorkerSettings.

    Writes one line. Exit codes: 0 there is one for each queue, 1 there is none, or Redis does not answer.

    Alive is a worker that has announced itself within the last 15 seconds, which it does only while it
    claims jobs. Where the settings have a `health_check_key`, only workers with the same one count. Stock
    arq workers do not announce themselves: for them there is `arq --check`.
    """
    raise SystemExit(check(settings, redis_settings=redis_url, queues=queues, namespace=namespace))


def check(settings: str, **overrides: object) -> int:
    """Look for live workers and tell in one line.

    Args:
        settings: `MODULE.WorkerSettings`.
        overrides: settings that win over it; None leaves what it says.

    Returns:
        The exit code.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        verdict = asyncio.run(look_for_workers(Settings.of(load_settings(settings), **given)))
    except (WorkerError, ValueError) as error:
        raise failed_with(error) from error
    click.echo(("ok: " if verdict.alive else "failed: ") + verdict.detail, err=not verdict.alive)
    return 0 if verdict.alive else 1
