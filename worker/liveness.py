"""Is this worker alive and consuming? Answered from any thread, also while the event loop is blocked."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Gauge

logger = logging.getLogger("jobgate.worker")

#: Seconds between two beats of the loop.
BEAT = 0.25
#: Lag in seconds from which a blocked loop is told in the log.
WORTH_WARNING = 1.0
#: Seconds without a turn of the event loop, or without a round of claims, after which /livez says 503.
LOOP_STALL = 30.0
CLAIM_STALL = 60.0


def tell_late(lag: float, culprit: object = "") -> None:
    """Tell that the loop turns again after `lag` seconds; `culprit` is said in words of its own."""
    logger.warning("the event loop was blocked for %.1f s%s: run such functions as plain `def`", lag, culprit)


class Pulse:
    """The event loop's heartbeat."""

    def __init__(self, lag: Gauge) -> None:
        self._lag = lag
        self._handle: asyncio.TimerHandle | None = None
        #: Beats so far; a thread that sees it stand still knows that the loop does not turn.
        self.beats = 0
        #: Monotonic instant of the last beat.
        self.last_beat = time.monotonic()
        #: Called with the lag in seconds when a beat comes later than `WORTH_WARNING`.
        self.on_late: Callable[[float], None] = tell_late
        lag.set_function(self.lag)

    def start(self) -> None:
        """Begin to beat in the running loop."""
        self.last_beat = time.monotonic()
        self._handle = asyncio.get_running_loop().call_later(BEAT, self._beat)

    def stop(self) -> None:
        """Beat no more."""
        if self._handle is not None:
            self._handle.cancel()

    def lag(self) -> float:
        """Return for how many seconds the loop has been late with its beat, by now."""
        return max(time.monotonic() - self.last_beat - BEAT, 0.0)

    def _beat(self) -> None:
        lag = self.lag()
        if lag > WORTH_WARNING:
            self.on_late(lag)
        self.start()
        self.beats += 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What /livez answers."""

    alive: bool
    detail: str


class Liveness:
    """Collects signs of life and judges them.

    Redis being away is no reason to restart a worker. Not reaching the queue while other operations
    do reach Redis is one, and so is a round of claims that does not end.
    """

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        now = time.monotonic()
        #: Monotonic instants: the claim loop went round; a claim was answered; Redis answered anything.
        self.last_round = self.last_claim = self.last_contact = now
        #: Set when the worker stops claiming on purpose.
        self.stopping = False

    def round(self) -> None:
        """Note that the claim loop goes round."""
        self.last_round = time.monotonic()

    def claimed(self) -> None:
        """Note that a claim was answered, or that there was no room for one."""
        self.last_claim = self.last_contact = time.monotonic()

    def contact(self) -> None:
        """Note that Redis answered something else."""
        self.last_contact = time.monotonic()

    def consuming(self) -> bool:
        """Whether the claim loop goes round and reaches the queue whenever Redis can be reached."""
        return not self.stopping and self._not_consuming() is None

    def verdict(self) -> Verdict:
        """Judge; safe in every thread."""
        lag = self._pulse.lag()
        if lag > LOOP_STALL:
            return Verdict(False, f"the event loop has not turned for {lag:.0f} s")
        if self.stopping:
            return Verdict(True, "stopping")
        trouble = self._not_consuming()
        return Verdict(trouble is None, trouble or "consuming")

    def _not_consuming(self) -> str | None:
        silent = time.monotonic() - self.last_round
        if silent > CLAIM_STALL:
            return f"the claim loop has not gone round for {silent:.0f} s"
        behind = self.last_contact - self.last_claim
        if behind > CLAIM_STALL:
            return f"Redis answers, but no claim was answered for {behind:.0f} s"
        return None
