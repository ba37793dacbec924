"""The parts of `jobgate dev`: worker and gateway beside a running server, started and stopped as one."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import click

from jobgate.cli.processes.access_lines import in_short
from jobgate.cli.supervision import Child, signal_name
from jobgate.worker import State, stop_signals

HOST: Final = "127.0.0.1"
#: Seconds that a child has to end by itself after SIGTERM.
STOP_TIMEOUT: Final = 15.0
#: Seconds after a signal in which others are the same one: a terminal and `make` both send a Ctrl-C.
SAME_SIGNAL: Final = 0.3
#: Seconds between two checks whether the children serve.
LOOK_EVERY: Final = 0.05


class Ensemble:
    """Worker and gateway: started together, stopped in order. Use it once.

    Args:
        commands: The command lines of worker and gateway after `jobgate`, in this order, by their names.
        server_url: Where the server runs.
        worker_url: Where the worker serves its health and metrics.
        gateway_url: Where the gateway serves.
        when_ready: Begun once both serve, and cancelled at the end.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        *,
        server_url: str,
        worker_url: str,
        gateway_url: str,
        when_ready: Callable[[], Awaitable[None]],
    ) -> None:
        self._commands = commands
        self._server_url = server_url
        self._worker_url = worker_url
        self._gateway_url = gateway_url
        self._when_ready = when_ready
        self._children: list[Child] = []
        self._stop = asyncio.Event()
        #: Monotonic instant of the first signal.
        self._signalled_at = 0.0

    async def run(self) -> int:
        """Run until a signal or the end of one part; return the exit code of the command."""
        with stop_signals(self._on_signal):
            for name, words in self._commands.items():
                self._children.append(await Child.start(name, words, _show))
            reason = await self._until_the_end()
            if reason:
                click.echo(reason, err=True)
            # The gateway first: no new jobs come in while the worker ends those that run.
            for child in reversed(self._children):
                await child.stop(STOP_TIMEOUT)
            return 1 if reason else 0

    def _on_signal(self, _received: signal.Signals) -> None:
        if not self._stop.is_set():
            self._signalled_at = time.monotonic()
            self._stop.set()
        elif time.monotonic() - self._signalled_at > SAME_SIGNAL:
            click.echo("A second signal: worker and gateway are killed, running jobs use up a try.", err=True)
            for child in self._children:
                child.kill()

    async def _until_the_end(self) -> str:
        """Wait for a signal or the end of a part; return why all must stop, empty for a signal."""
        ends = [_server_end(self._server_url), *map(_child_end, self._children)]
        watches = [asyncio.create_task(end) for end in ends]
        others = [asyncio.create_task(self._stop.wait()), asyncio.create_task(self._announce_ready())]
        done, _ = await asyncio.wait([*watches, others[0]], return_when=asyncio.FIRST_COMPLETED)
        for running in (*watches, *others):
            running.cancel()
        await asyncio.gather(*watches, *others, return_exceptions=True)
        return "" if self._stop.is_set() else str(next(iter(done)).result())

    async def _announce_ready(self) -> None:
        await _until_ok(f"{self._worker_url}/livez", says=State.CONSUMING)
        await _until_ok(f"{self._gateway_url}/readyz")
        click.echo(f"The worker's metrics are on {self._worker_url}/metrics")
        click.echo(f"jobgate is ready on {self._gateway_url}")
        await self._when_ready()


def _show(line: str) -> None:
    click.echo(in_short(line))


async def _child_end(child: Child) -> str:
    code = await child.wait()
    why = ", its lines above say why" if code >= 0 else ""
    return f"The {child.name} {how_ended(code)}{why}; stopping the others."


def how_ended(code: int) -> str:
    """Return an exit code in words; negative ones are signals."""
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal_name(-code)
    guess = "; out of memory?" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code}" + (f" ({name}{guess})" if name else "")


async def _server_end(url: str) -> str:
    # An idle connection ends when the server does, whichever process started it.
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        with suppress(ConnectionError):
            await reader.read()
    finally:
        writer.close()
    return "The embedded server ended, its log in the data folder says why; stopping the others."


async def _until_ok(url: str, *, says: str = "") -> None:
    import aiohttp  # noqa: PLC0415 - workers load this file too and need no HTTP client

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(url) as answer:
                    if answer.ok and says in await answer.text():
                        return
            await asyncio.sleep(LOOK_EVERY)
