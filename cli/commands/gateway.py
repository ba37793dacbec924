"""`jobgate gateway`: serve the HTTP API."""

from pathlib import Path
from typing import Any, Final

import click

from jobgate.cli.options.logs import fail, log_options, set_up_log
from jobgate.cli.options.queue_weights import SEVERAL, queue_option
from jobgate.cli.processes.environment import check_environment
from jobgate.gateway import GatewayError, GatewaySettings, run

#: Options that are no settings of the gateway.
_LOG_OPTIONS: Final = {"log_config", "log_format", "verbose"}


@click.command(short_help="Serve the HTTP API in front of Redis.")
@click.option(
    "--redis",
    envvar="JOBGATE_REDIS_URL",
    default="redis://localhost:6379",
    show_default=True,
    help="redis://, rediss://, unix:// or redis+sentinel:// URL.",
)
@click.option(
    "--host", envvar="JOBGATE_HOST", default="127.0.0.1", show_default=True, help="Address to bind."
)
@click.option("--port", envvar="JOBGATE_PORT", default=8080, show_default=True, help="0 = any free port.")
@click.option(
    "--serializer",
    envvar="JOBGATE_SERIALIZER",
    type=click.Choice(["json", "msgpack", "pickle"]),
    default="json",
    show_default=True,
    help="How jobs are written; pickle only beside a stock arq fleet.",
)
@click.option(
    "--namespace", envvar="JOBGATE_NAMESPACE", default="arq", show_default=True, help="Prefix of all keys."
)
@click.option(
    "--keys",
    "keys_file",
    envvar="JOBGATE_KEYS",
    type=click.Path(dir_okay=False, readable=False, path_type=Path),  # the gateway says it better
    help="Who may call: a file made by `jobgate key new`.",
)
@click.option("--insecure", envvar="JOBGATE_INSECURE", is_flag=True, help="Let everybody in on any address.")
@click.option(
    "--default-queue",
    envvar="JOBGATE_DEFAULT_QUEUE",
    metavar="NAME",
    help="The queue of requests that name none: what your workers serve.  [default: <namespace>:queue, as "
    "in arq]",
)
@queue_option(
    "A queue that requests may name besides the default one, and then no other; may be repeated, with "
    "commas in the variable. A worker's NAME=WEIGHT is taken for NAME.  [default: requests may name any "
    "queue]",
)
@click.option(
    "--allow-host",
    "allowed_hosts",
    envvar="JOBGATE_ALLOW_HOST",
    type=SEVERAL,
    multiple=True,
    metavar="NAME",
    help="A Host that requests may carry besides loopback's own; may be repeated, with commas in the "
    "variable.",
)
@click.option(
    "--metrics-port",
    envvar="JOBGATE_METRICS_PORT",
    type=int,
    help="A second port for /metrics, without keys.",
)
@click.option(
    "--metrics-host",
    envvar="JOBGATE_METRICS_HOST",
    default="127.0.0.1",
    show_default=True,
    help="Address on which that port listens.",
)
@click.option(
    "--drain",
    envvar="JOBGATE_DRAIN",
    default=3.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to serve on after SIGTERM.",
)
@click.option(
    "--max-wait",
    envvar="JOBGATE_MAX_WAIT",
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest wait that a request may ask for.",
)
@click.option(
    "--loop",
    envvar="JOBGATE_LOOP",
    type=click.Choice(["auto", "asyncio", "uvloop"]),
    default="auto",
    show_default=True,
    help="The event loop; `auto` is uvloop where it is installed.",
)
@click.option(
    "--max-header",
    envvar="JOBGATE_MAX_HEADER",
    default=8192,
    show_default=True,
    metavar="BYTES",
    help="Longest header line and longest URL of a request, in bytes.",
)
@click.option(
    "--max-unsent",
    envvar="JOBGATE_MAX_UNSENT",
    default=128 * 1024 * 1024,
    show_default=True,
    metavar="BYTES",
    help="Most bytes of large answers being sent at once; further ones get 503 until there is room.",
)
@click.option(
    "--access-log", envvar="JOBGATE_ACCESS_LOG", is_flag=True, help="Log one JSON line per request."
)
@log_options
def command(**options: Any) -> None:
    """Serve the HTTP API in front of Redis until SIGTERM or SIGINT.

    Each option can be given as an environment variable, JOBGATE_REDIS_URL, JOBGATE_PORT and so on.
    """
    check_environment()
    set_up_log(options)
    told = {name: options[name] for name in options.keys() - _LOG_OPTIONS}
    try:
        settings = GatewaySettings(**told | {"queues": tuple(options["queues"] or ())})
    except GatewayError as error:
        raise click.UsageError(str(error)) from error
    try:
        run(settings)
    except GatewayError as error:
        raise fail(str(error), options["log_format"]) from error
