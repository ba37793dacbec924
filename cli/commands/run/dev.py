"""`jobgate dev`: embedded server, worker and gateway in one command, for development."""

import asyncio
import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from jobgate.broker import EmbeddedServerError
from jobgate.broker.embedded import EmbeddedServer
from jobgate.cli.offers import Offers
from jobgate.cli.option import option
from jobgate.cli.options import Command, http, logs, queues, storage, workers
from jobgate.cli.processes import HOST, Ensemble, how_ended
from jobgate.client import Client

#: Variables that would make the gateway listen elsewhere than this command looks for it, or several times.
_ELSEWHERE: Final = (
    "JOBGATE_BASE_PATH", "JOBGATE_GATEWAY_WORKERS", "JOBGATE_TLS_CERT", "JOBGATE_TLS_KEY",
    "JOBGATE_UNIX_SOCKET",
)  # fmt: skip

#: Program that loads settings as a worker does, and writes what a gateway needs of them, or why it cannot.
#: The output of the settings' own modules is dropped.
_LOAD: Final = """
import json, os, sys
from jobgate.cli.processes import failed_with
from jobgate.worker import Settings, WorkerError, load_settings
answer = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
try:
    found = Settings.of(load_settings(sys.argv[1]), **json.loads(sys.argv[2]))
    found.require_functions()
except (WorkerError, ValueError) as error:
    raise failed_with(error)
with answer:
    json.dump([found.namespace, found.queue, found.serializer], answer)
"""


_WATCH: Final = workers.WATCH.but(
    default=Path("."),
    show_default=True,
    help="Restart the worker when a .py, .toml or .yaml file in DIR changes. Needs the extra `watch`.",
)
_NO_WATCH: Final = option(
    "--no-watch",
    "is_fixed",
    section="Processes",
    envvar=(),
    is_flag=True,
    help="Keep the worker as it is when files change.",
)


@click.command(
    "dev",
    cls=Command,
    epilog="""\b
Examples:
  jobgate dev my_jobs.WorkerSettings
  jobgate dev my_jobs.WorkerSettings --port 9000 --watch src
  curl -X POST -H 'Prefer: wait=10' localhost:8080/jobs/add -d '{"args": [1, 2]}'""",
)
@workers.SETTINGS
@http.PORT
@_WATCH
@_NO_WATCH
@storage.DATA
@storage.NAMESPACE.of_settings()
@storage.SERIALIZER.of_settings()
@queues.WORKER_QUEUES
@logs.VERBOSE
def command(
    settings: str, port: int, data: Path, watch: Path, is_fixed: bool, verbose: bool, **options: Any
) -> None:
    """Run an embedded Valkey server, a worker for MODULE.WorkerSettings and a gateway.

    It says what can be called, and restarts the worker when code changes; what runs then begins again.

    The gateway serves on 127.0.0.1 without keys, with the worker's namespace and serializer, and logs a line
    for each request. Requests that name no queue go to the worker's first queue. Ctrl-C stops all three, and
    so does the end of any of them.
    """
    _check_free(port)
    for name in _ELSEWHERE:
        os.environ.pop(name, None)
    given = {name: value for name, value in options.items() if value is not None}
    namespace, queue, serializer = _settings_of(settings, given)
    folder = None if is_fixed else _watched(watch)
    log = ["--verbose"] if verbose else []
    # Without a load balancer there is no need to drain.
    gateway_options = ["--drain=0", "--access-log", f"--namespace={namespace}", f"--default-queue={queue}"]
    gateway_options += [f"--serializer={serializer}", *log]
    url = f"http://{HOST}:{port}"
    try:
        # Started by the main thread: the kernel ends the server together with the thread that started it.
        with EmbeddedServer(data) as server:
            click.echo(f"server  | Valkey on {server.url}, data in {data}")
            redis, worker_port = f"--redis={server.url}", _free_port()
            worker_options = [f"--metrics-port={worker_port}", *_worker_options(given, folder), *log]
            offers = Offers(Client(server.url, namespace=namespace), url, click.echo)
            ensemble = Ensemble(
                {
                    "worker": ["worker", settings, redis, *worker_options],
                    "gateway": ["gateway", redis, f"--host={HOST}", f"--port={port}", *gateway_options],
                },
                server_url=server.url,
                worker_url=f"http://{HOST}:{worker_port}",
                gateway_url=url,
                when_ready=lambda: offers.tell(again=folder is not None),
            )
            code = asyncio.run(ensemble.run())
    except EmbeddedServerError as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(code)


def _watched(folder: Path) -> Path | None:
    """Return the folder whose changes restart the worker; None where they cannot be seen."""
    if importlib.util.find_spec("watchfiles") is not None:
        return folder
    click.echo("Changes of code restart nothing: install jobgate with its extra [watch] for that.", err=True)
    return None


def _worker_options(given: Mapping[str, Any], folder: Path | None) -> list[str]:
    options = [f"--queue={name}={weight}" for name, weight in given.get("queues", {}).items()]
    options += [f"--{name}={given[name]}" for name in ("serializer", "namespace") if name in given]
    return options if folder is None else [*options, f"--watch={folder}"]


def _check_free(port: int) -> None:
    # Otherwise the readiness of the program that serves there would be taken for the gateway's.
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise click.ClickException(f"Port {port} of {HOST} is taken: choose another with --port.") from error


def _settings_of(path: str, given: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return namespace, first queue and serializer of the settings, once these are valid.

    They are loaded before anything is started or created, in a process of their own: changes that importing
    them makes to its environment would reach the gateway.
    """
    # As for the worker: the server of this command replaces a pool in the settings.
    overrides = {**given, "redis_settings": "redis://localhost"}
    words = [sys.executable, "-P", "-c", _LOAD, path, json.dumps(overrides)]
    done = subprocess.run(  # noqa: S603 - this interpreter with the program above
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        namespace, queue, serializer = json.loads(done.stdout)
        return namespace, queue, serializer
    click.echo(done.stderr, err=True, nl=False)
    if done.returncode != 1 or not done.stderr.strip():
        raise click.ClickException(f"{path}: loading it {how_ended(done.returncode)}")
    raise SystemExit(1)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])
