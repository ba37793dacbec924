"""`jobgate gateway`: serve the HTTP API."""

from typing import Any

import click

from jobgate.cli import options as o
from jobgate.gateway import GatewayError, GatewaySettings, run


@click.command(
    "gateway",
    cls=o.Command,
    epilog="""\b
Examples:
  jobgate gateway --port 8080
  jobgate gateway --redis redis://cache:6379 --host 0.0.0.0 --keys keys.toml
  jobgate gateway --default-queue mail --queue mail-slow --metrics-port 9090""",
)
@o.REDIS
@o.NAMESPACE
@o.SERIALIZER
@o.DEFAULT_QUEUE
@o.REQUEST_QUEUES
@o.HOST
@o.PORT
@o.DRAIN
@o.LOOP
@o.KEYS
@o.INSECURE
@o.ALLOWED_HOSTS
@o.MAX_WAIT
@o.MAX_HEADER
@o.MAX_UNSENT
@o.METRICS_PORT
@o.METRICS_HOST
@o.ACCESS_LOG
@o.log_options
def command(**options: Any) -> None:
    """Serve the HTTP API in front of Redis until SIGTERM or SIGINT."""
    o.check_environment()
    log_format = o.set_up_log(options)
    try:
        settings = GatewaySettings(**options | {"queues": tuple(options["queues"] or ())})
    except GatewayError as error:
        raise click.UsageError(str(error)) from error
    try:
        run(settings)
    except GatewayError as error:
        raise o.fail(str(error), log_format) from error
