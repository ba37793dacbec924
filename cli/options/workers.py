"""How workers run: their settings class, their number, and what restarts or ends them."""

from pathlib import Path
from typing import Final

import click

from jobgate.cli.option import option

_SECTION: Final = "Processes"

#: The class whose functions a worker runs.
SETTINGS: Final = click.argument("settings", metavar="MODULE.WorkerSettings")

BURST: Final = option(
    "--burst/--no-burst", section="Queues", default=None, help="Stop when the queues are empty."
)
WORKERS: Final = option(
    "--workers",
    section=_SECTION,
    type=click.IntRange(min=1),
    metavar="N",
    show_default="1",
    help="Run N worker processes, and restart those that end by themselves. Their metrics ports are the "
    "given one and the next ones.",
)
#: The same for gateways. Its variable has another name: workers and gateways may share an environment.
GATEWAY_WORKERS: Final = WORKERS.but(
    envvar=("JOBGATE_GATEWAY_WORKERS",),
    show_default="one, without a supervisor",
    help="Run N gateway processes on one port, and restart those that end by themselves.",
)
FROZEN_AFTER: Final = option(
    "--frozen-after",
    section=_SECTION,
    type=click.FloatRange(min=1),
    default=30.0,
    metavar="SECONDS",
    help="With --workers or --watch: kill and replace a worker process that gives no sign of life for this "
    "long, and for at least three leases. A process that is still starting is left alone.",
)
GATEWAY_FROZEN_AFTER: Final = FROZEN_AFTER.but(
    envvar=("JOBGATE_GATEWAY_FROZEN_AFTER",),
    help="With --workers: kill and replace a process whose event loop has not run for this long.",
)
WATCH: Final = option(
    "--watch",
    section=_SECTION,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Restart the worker when a .py, .toml or .yaml file in DIR changes, for development. Needs the "
    "extra `watch`.",
)
LOOP: Final = option(
    "--loop",
    section=_SECTION,
    type=click.Choice(["auto", "asyncio", "uvloop"]),
    default="auto",
    help="Event loop; `auto` is uvloop where it is installed.",
)
CHECK: Final = option(
    "--check",
    section=_SECTION,
    is_flag=True,
    help="Do not run: check whether a worker is alive, as `jobgate check` does.",
)
