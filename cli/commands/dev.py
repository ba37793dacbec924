"""`jobgate dev`: embedded server, worker and gateway in one command, for development."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import click

from jobgate.broker.embedded import EmbeddedServer
from jobgate.broker.errors import EmbeddedServerError
from jobgate.cli.options.queue_weights import queue_option
from jobgate.cli.processes.children import Child
from jobgate.worker import State, stop_signals

HOST: Final = "127.0.0.1"
#: Seconds that a child has to end by itself after SIGTERM.
STOP_TIMEOUT: Final = 15.0
#: Program that loads settings as a worker does; it writes what a gateway needs of them, or why it cannot.
#: What the settings' own modules print goes nowhere.
_LOAD: Final = """
import json, os, sys
from jobgate.cli.processes.failure import failed_with
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
#: Seconds after a signal in which others are the same one: a terminal and `make` both send a Ctrl-C.
SAME_SIGNAL: Final = 0.3
#: Seconds between two looks at whether the children serve.
LOOK_EVERY: Final = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to run, and where."""

    #: `MODULE.WorkerSettings`, found from the current directory.
    settings: str
    #: Port of the gateway.
    port: int
    #: Port of the worker's own /livez and /metrics.
    worker_port: int
    redis_url: str
    #: What the worker is told besides: options of this command.
    worker_options: Sequence[str]
    #: What the gateway is told so that the worker finds its jobs.
    gateway_options: Sequence[str]

    @property
    def gateway_url(self) -> str:
        """Where the gateway serves."""
        return f"http://{HOST}:{self.port}"

    @property
    def worker_url(self) -> str:
        """Where the worker serves its health and metrics."""
        return f"http://{HOST}:{self.worker_port}"

    def gateway_words(self) -> list[str]:
        """Return the gateway's command line; nobody balances load over it, so it need not drain."""
        address = ["--host", HOST, "--port", str(self.port)]
        log = ["--access-log"]
        return ["gateway", "--redis", self.redis_url, *address, "--drain", "0", *log, *self.gateway_options]

    def worker_words(self) -> list[str]:
        """Return the worker's command line."""
        metrics = ["--metrics-port", str(self.worker_port)]
        return ["worker", self.settings, "--redis", self.redis_url, *metrics, *self.worker_options]


@click.command(short_help="Run embedded server, worker and gateway together, for development.")
@click.argument("settings", metavar="MODULE.WorkerSettings")
@click.option("--port", default=8080, show_default=True, help="Port of the gateway.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=".jobgate",
    show_default=True,
    help="Folder of the embedded server's data; jobs in it survive a restart.",
)
@queue_option(
    "Queue to work on, by default what the settings say; may be repeated, with commas in the variable. "
    "Requests that name no queue go to the first.",
    metavar="NAME[=WEIGHT]",
)
@click.option(
    "--serializer",
    type=click.Choice(["json", "msgpack", "pickle"]),
    help="How jobs and results are written, by default what the settings say.",
)
@click.option(
    "--namespace", metavar="NS", help="First part of all Redis keys, by default what the settings say."
)
@click.option(
    "--watch",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Restart the worker when a .py, .toml or .yaml file in DIR changes. Needs the extra `watch`.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log debugging lines too.")
def command(settings: str, port: int, data: Path, watch: str | None, verbose: bool, **options: Any) -> None:
    """Run an embedded Valkey server, a worker for MODULE.WorkerSettings and a gateway.

    The gateway serves on 127.0.0.1 without keys, with the worker's namespace, serializer and first queue, and
    logs a line for each request. Ctrl-C stops all three; so does the end of any of them.
    """
    _check_free(port)
    given = {name: value for name, value in options.items() if value is not None}
    log = ["--verbose"] if verbose else []
    gateway_options = _gateway_options(settings, given) + log
    worker_options = _words(given) + log + (["--watch", watch] if watch else [])
    try:
        # Started by the main thread: the kernel ends the server together with the thread that started it.
        with EmbeddedServer(data) as server:
            click.echo(f"server  | Valkey on {server.url}, data in {data}")
            plan = Plan(
                settings=settings,
                port=port,
                worker_port=_free_port(),
                redis_url=server.url,
                worker_options=worker_options,
                gateway_options=gateway_options,
            )
            code = asyncio.run(Ensemble(plan).run())
    except EmbeddedServerError as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(code)


class Ensemble:
    """The worker and the gateway beside a running server: started together, stopped in order.

    Use it once.
    """

    def __init__(self, plan: Plan) -> None:
        """Keep the plan; nothing is started."""
        self._plan = plan
        self._children: list[Child] = []
        self._stop = asyncio.Event()
        #: Monotonic instant of the first signal.
        self._signalled_at = 0.0

    async def run(self) -> int:
        """Run until a signal or the end of one part; return the exit code of the command."""
        with stop_signals(self._on_signal):
            return await self._run()

    async def _run(self) -> int:
        for name, words in (("worker", self._plan.worker_words()), ("gateway", self._plan.gateway_words())):
            self._children.append(await Child.start(name, words, click.echo))
        reason = await self._until_the_end()
        if reason:
            click.echo(reason, err=True)
        await self._stop_children()
        return 1 if reason else 0

    def _on_signal(self, _received: signal.Signals) -> None:
        if not self._stop.is_set():
            self._signalled_at = time.monotonic()
            self._stop.set()
        elif time.monotonic() - self._signalled_at > SAME_SIGNAL:  # somebody is in a hurry
            click.echo("A second signal: worker and gateway are killed, running jobs lose a try.", err=True)
            for child in self._children:
                child.kill()

    async def _until_the_end(self) -> str:
        """Wait for a signal or an end; return why it must stop, empty for a signal."""
        ends: list[Coroutine[Any, Any, str]] = [self._signalled(), _server_end(self._plan.redis_url)]
        ends += [_child_end(child) for child in self._children]
        watches = [asyncio.create_task(end) for end in ends]
        announcement = asyncio.create_task(self._announce_ready())
        done, _ = await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
        await _cancel([announcement, *watches])
        return "" if self._stop.is_set() else next(iter(done)).result()

    async def _signalled(self) -> str:
        await self._stop.wait()
        return ""

    async def _announce_ready(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            await _until_ok(session, f"{self._plan.worker_url}/livez", says=State.CONSUMING)
            await _until_ok(session, f"{self._plan.gateway_url}/readyz")
        click.echo(f"The worker's metrics are on {self._plan.worker_url}/metrics")
        click.echo(f"jobgate is ready on {self._plan.gateway_url}")

    async def _stop_children(self) -> None:
        # The gateway first: nothing new comes in while the worker ends its jobs.
        for child in reversed(self._children):
            await child.stop(STOP_TIMEOUT)


async def _child_end(child: Child) -> str:
    code = await child.wait()
    why = ", its lines above say why" if code >= 0 else ""
    return f"The {child.name} {_how_ended(code)}{why}; stopping the others."


def _how_ended(code: int) -> str:
    """Tell what an exit code says, negative ones being signals."""
    if code >= 0:
        return f"ended with exit code {code}"
    # Real-time signals have numbers and no names.
    name = signal.Signals(-code).name if -code in list(signal.Signals) else ""
    guess = "; out of memory?" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code}" + (f" ({name}{guess})" if name else "")


async def _server_end(url: str) -> str:
    # An idle connection ends when the server does: no polling, and no matter who started it.
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        with suppress(ConnectionError):
            await reader.read()
    finally:
        writer.close()
    return "The embedded server ended, its log in the data folder says why; stopping the others."


async def _until_ok(session: aiohttp.ClientSession, url: str, *, says: str = "") -> None:
    while True:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(url) as answer:
                if answer.ok and says in await answer.text():
                    return
        await asyncio.sleep(LOOK_EVERY)


async def _cancel(running: list[asyncio.Task[Any]]) -> None:
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _check_free(port: int) -> None:
    # Else the readiness of whatever serves there would be taken for the gateway's.
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise click.ClickException(f"Port {port} of {HOST} is taken: choose another with --port.") from error


def _words(given: Mapping[str, Any]) -> list[str]:
    """Return the worker's own options for the settings that the command line gives."""
    queues = [f"--queue={name}={weight}" for name, weight in given.get("queues", {}).items()]
    return queues + [f"--{name}={given[name]}" for name in ("serializer", "namespace") if name in given]


def _gateway_options(path: str, given: Mapping[str, Any]) -> list[str]:
    """Return what the gateway has to be told of the settings, once they are found to be good.

    They are loaded before anything is started or created, in a process of their own: what importing them
    does to its environment would reach the gateway.
    """
    # As the worker is told: a pool in the settings gives way to the server of this command.
    overrides = {**given, "redis_settings": "redis://localhost"}
    words = [sys.executable, "-P", "-c", _LOAD, path, json.dumps(overrides)]
    done = subprocess.run(  # noqa: S603 - this interpreter with the program above
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        namespace, queue, serializer = json.loads(done.stdout)
        return [f"--namespace={namespace}", f"--default-queue={queue}", f"--serializer={serializer}"]
    click.echo(done.stderr, err=True, nl=False)
    if done.returncode != 1 or not done.stderr.strip():
        raise click.ClickException(f"{path}: loading it {_how_ended(done.returncode)}")
    raise SystemExit(1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
