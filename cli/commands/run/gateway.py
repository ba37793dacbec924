"""`jobgate gateway`: serve the HTTP API."""

import asyncio
import os
from typing import Any

import click

from jobgate.cli.options import Command, environment, given_words, http, keys, logs, queues, storage, workers
from jobgate.cli.supervision import Kind, Supervisor, own_number, own_status_writer
from jobgate.gateway import GatewayError, GatewaySettings, Member, open_premises, run


@click.command(
    "gateway",
    cls=Command,
    epilog="""\b
Examples:
  jobgate gateway --port 8080
  jobgate gateway --redis redis://cache:6379 --host 0.0.0.0 --keys keys.toml
  jobgate gateway --workers 4 --unix-socket /run/jobgate/jobgate.sock
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
@workers.GATEWAY_WORKERS
@workers.GATEWAY_FROZEN_AFTER
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
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Serve the HTTP API in front of Redis until SIGTERM or SIGINT.

    With --workers, processes share the port: each new connection goes to one of them. They also share
    --max-waits, --max-waits-per-key, --max-streams and --max-unsent; whatever else is limited in memory, such
    as wrong keys of an address, is counted by each process. `/metrics` shows all processes, whichever of them
    answers.

    SIGHUP reads the files of keys and certificate again; that also happens whenever they change.
    """
    environment.check_environment()
    processes, frozen_after = options.pop("workers"), options.pop("frozen_after")
    log_format = logs.set_up_log(options, number=own_number(), program="gateway")
    try:
        settings = GatewaySettings(**_settings_of(options))
    except GatewayError as error:
        raise click.UsageError(str(error)) from error
    status, member = own_status_writer(), Member.of_environment()
    try:
        if processes is not None and member is None:
            raise SystemExit(_supervise(settings, processes, frozen_after, given_words(context)))
        run(settings, member, status)
    except GatewayError as error:
        raise logs.fail(str(error), log_format) from error


def _supervise(settings: GatewaySettings, processes: int, frozen_after: float, words: list[str]) -> int:
    """Run gateway processes with the command line of this one: they see that they have a supervisor."""
    with open_premises(settings, processes) as premises:
        kind = Kind(
            name="gateway",
            loss="its open requests are cut off",
            takes_hangups=not os.isatty(0),
            variables=premises.variables,
            descriptors=premises.descriptors,
            on_all_started=premises.announce,
            on_ended=premises.forget,
        )
        return asyncio.run(Supervisor([["gateway", *words]] * processes, kind, silence=frozen_after).run())


def _settings_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings by the names that `GatewaySettings` has for them."""
    given = options.pop("keys")
    key_settings = {"keys_text": given} if isinstance(given, str) else {"keys_file": given}
    return options | key_settings | {"queues": tuple(options["queues"] or ())}
