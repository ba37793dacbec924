"""One process of a gateway: its event loop, its signals, and what it reports to a supervisor."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable

from jobgate.gateway.member import Member, Reports
from jobgate.gateway.server import serve
from jobgate.gateway.settings import GatewayError, GatewaySettings

logger = logging.getLogger("jobgate.gateway")


def run(settings: GatewaySettings, member: Member | None = None, reports: Reports | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: The gateway's settings.
        member: Which of several processes this is; None = the only one.
        reports: Learns that it serves, and every second that it is alive.

    Raises:
        GatewayError: It cannot start.
    """
    _calm_garbage_collection()
    with asyncio.Runner(loop_factory=loop_factory(settings.loop)) as runner:
        runner.run(_serve_until_signalled(settings, member, reports))


def _calm_garbage_collection() -> None:
    """Collect garbage rarely: requests make no reference cycles, and collecting takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def _serve_until_signalled(
    settings: GatewaySettings, member: Member | None, reports: Reports | None
) -> None:
    stop, reread = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def on_signal() -> None:
        told.set()
        stop.set()

    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, on_signal)
    if not os.isatty(0):  # else it is the signal of a terminal that closes
        loop.add_signal_handler(signal.SIGHUP, reread.set)
    life: list[asyncio.Task[None]] = []

    def ready(_url: str) -> None:
        if reports is not None:
            reports.started()
            life.append(asyncio.create_task(_report_life(reports, stop, told)))

    await serve(settings, stop, ready, member=member, asked_to_reread=reread)


async def _report_life(reports: Reports, stop: asyncio.Event, told: asyncio.Event) -> None:
    while True:
        if not reports.alive():
            logger.error("the supervisor is gone")
            if not told.is_set():  # else it drains, and to set it again would end that
                stop.set()
            return
        await asyncio.sleep(1.0)


def loop_factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of the named event loop; None = asyncio's own."""
    if loop == "asyncio":
        return None
    try:
        import uvloop  # noqa: PLC0415 - not available everywhere
    except ImportError as error:
        if loop == "uvloop":
            raise GatewayError("--loop uvloop needs uvloop: run `pip install uvloop`.") from error
        return None
    return uvloop.new_event_loop
