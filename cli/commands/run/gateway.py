"""`jobgate gateway`: serve the HTTP API."""

from typing import Any

import click

from jobgate.cli.options import Command, environment, http, keys, logs, queues, storage, workers
from jobgate.gateway import GatewayError, GatewaySettings, run


@click.command(
    "gateway",
    cls=Command,
    epilog="""\b
Examples:
  jobgate gateway --port 8080
  jobgate gateway --redis redis://cache:6379 --host 0.0.0.0 --keys keys.toml
  jobgate gateway --default-queue mail --queue mail-slow --metrics-port 9090""",
)
@storage.REDIS
@storage.NAMESPACE
@storage.SERIALIZER
@storage.INDEX_LIMIT
@queues.DEFAULT_QUEUE
@queues.REQUEST_QUEUES
@http.HOST
@http.PORT
@http.UNIX_SOCKET
@http.UNIX_SOCKET_MODE
@http.TLS_CERT
@http.TLS_KEY
@http.BASE_PATH
@http.DRAIN
@http.NO_UI
@http.READ_ONLY_UI
@workers.LOOP
@keys.KEYS
@http.INSECURE
@http.ALLOWED_HOSTS
@http.TRUSTED_PROXIES
@http.PROXY_HEADER
@http.MAX_WAIT
@http.MAX_WAITS
@http.MAX_WAITS_PER_KEY
@http.MAX_STREAMS
@http.MAX_HEADER
@http.MAX_UNSENT
@http.BULK_AT_ONCE
@http.METRICS_PORT
@http.METRICS_HOST
@logs.ACCESS_LOG
@logs.log_options
def command(**options: Any) -> None:
    """Serve the HTTP API in front of Redis until SIGTERM or SIGINT."""
    environment.check_environment()
    log_format = logs.set_up_log(options)
    try:
        settings = GatewaySettings(**_settings_of(options))
    except GatewayError as error:
        raise click.UsageError(str(error)) from error
    try:
        run(settings)
    except GatewayError as error:
        raise logs.fail(str(error), log_format) from error


def _settings_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings by the names that `GatewaySettings` has for them."""
    given = options.pop("keys")
    key_settings = {"keys_text": given} if isinstance(given, str) else {"keys_file": given}
    return options | key_settings | {"queues": tuple(options["queues"] or ())}
