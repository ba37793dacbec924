"""What the processes of one gateway share, opened and checked once before they start."""

import asyncio
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from jobgate.gateway.counts import anonymous_file, wipe_passing
from jobgate.gateway.listening import Reservation, TcpPort, reserve
from jobgate.gateway.member import Member
from jobgate.gateway.process import loop_factory
from jobgate.gateway.server import check, main_place
from jobgate.gateway.settings import GatewaySettings

logger = logging.getLogger("jobgate.gateway")


class Premises:
    """Ports, sockets and memory of several gateway processes. Use `open_premises`.

    Args:
        processes: Number of processes.
        counts: Descriptor of the file in which they count.
        main: Where they listen.
        metrics: Where they serve metrics alone.
    """

    def __init__(self, processes: int, counts: int, main: Reservation, metrics: Reservation | None) -> None:
        self._processes = processes
        self._counts = counts
        self._main = main
        self._metrics = metrics

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The descriptors that each process must inherit."""
        metrics = () if self._metrics is None else self._metrics.descriptors
        return (self._counts, *self._main.descriptors, *metrics)

    def variables(self, number: int) -> Mapping[str, str]:
        """Return the variables of a process that only it gets; numbers begin at 1."""
        return Member(
            number=number,
            processes=self._processes,
            counts=self._counts,
            place=self._main.place,
            metrics_place=None if self._metrics is None else self._metrics.place,
        ).variables()

    def announce(self) -> None:
        """Log where all processes listen now."""
        logger.info("listening on %s", self._main.url)
        if self._metrics is not None:
            logger.info("metrics listening on %s", self._metrics.url)

    def forget(self, number: int) -> None:
        """Free what a process held that has ended: its waits, and other places within limits."""
        wipe_passing(self._counts, self._processes, number)


@contextmanager
def open_premises(settings: GatewaySettings, processes: int) -> Iterator[Premises]:
    """Check the settings, and open what all processes share until the block ends.

    Args:
        settings: The settings of each process.
        processes: Number of processes.

    Raises:
        GatewayError: A gateway could not start with these settings.
    """
    loop_factory(settings.loop)
    asyncio.run(check(settings))
    with ExitStack() as stack:
        main = asyncio.run(reserve(main_place(settings), "https" if settings.tls_cert else "http"))
        stack.callback(main.close)
        metrics = None
        if settings.metrics_port is not None:
            metrics = asyncio.run(reserve(TcpPort(settings.metrics_host, settings.metrics_port), "http"))
            stack.callback(metrics.close)
        counts = anonymous_file(processes)
        stack.callback(os.close, counts)
        yield Premises(processes, counts, main, metrics)
