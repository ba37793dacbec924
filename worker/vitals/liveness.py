"""Is this worker alive and consuming? Every thread can ask, also while the event loop is blocked."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from jobgate.worker.log import logger

#: Seconds between two beats of the loop.
BEAT = 0.25
#: Lag in seconds from which a blocked loop is logged.
WORTH_WARNING = 1.0
#: Seconds without a turn of the event loop, or without a round of claims, after which /livez says 503.
LOOP_STALL = 30.0
CLAIM_STALL = 60.0


def warn_of_block(lag: float, culprit: object = "") -> None:
    """Log that the loop runs again after `lag` seconds; `culprit` is a text that says what blocked it."""
    logger.warning("the event loop was blocked for %.1f s%s: run such functions as plain `def`", lag, culprit)


class Pulse:
    """The event loop's heartbeat."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None
        #: Beats so far. While this number does not change, the loop is blocked.
        self.beats = 0
        #: Monotonic instant of the last beat.
        self.last_beat = time.monotonic()
        self._longest_lag = 0.0
        #: Called with the lag in seconds when a beat comes later than `WORTH_WARNING`.
        self.on_late: Callable[[float], None] = warn_of_block

    def start(self) -> None:
        """Beat in the running loop."""
        self.last_beat = time.monotonic()
        self._handle = asyncio.get_running_loop().call_later(BEAT, self._beat)

    def stop(self) -> None:
        """Stop beating."""
        if self._handle is not None:
            self._handle.cancel()

    def lag(self) -> float:
        """Return for how many seconds the current beat has been late."""
        return max(time.monotonic() - self.last_beat - BEAT, 0.0)

    def take_longest_lag(self) -> float:
        """In the loop: return the longest lag in seconds since the last call."""
        longest, self._longest_lag = max(self._longest_lag, self.lag()), 0.0
        return longest

    def _beat(self) -> None:
        lag = self.lag()
        self._longest_lag = max(self._longest_lag, lag)
        if lag > WORTH_WARNING:
            self.on_late(lag)
        self.start()
        self.beats += 1


class State(StrEnum):
    """What a worker is doing."""

    #: It connects, runs `on_startup`, and has not had its first claim answered.
    STARTING = "starting"
    #: Its claims are answered whenever Redis can be reached.
    CONSUMING = "consuming"
    #: It stops.
    STOPPING = "stopping"
    #: Only a restart helps.
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What /livez answers."""

    alive: bool
    detail: str


class Liveness:
    """Collects signs of life and judges them.

    A worker need not be restarted because Redis is unavailable. It must be when its claims fail while other
    operations reach Redis, and when the claim loop hangs.

    Args:
        pulse: The heartbeat of the event loop.
        startup_timeout: Seconds after which a worker that is still starting is stuck; None = never.
    """

    def __init__(self, pulse: Pulse, *, startup_timeout: float | None = None) -> None:
        self.pulse = pulse
        self._startup_timeout = startup_timeout
        self._began = time.monotonic()
        self._is_started = self._has_claimed = False
        #: Monotonic instants: the claim loop ran; a claim was answered; Redis answered anything.
        self.last_round = self.last_claim = self.last_contact = self._began
        #: Set when the worker stops claiming on purpose.
        self.stopping = False

    def started(self) -> None:
        """Note that `on_startup` has ended and claims begin."""
        self.last_round = self.last_claim = self.last_contact = time.monotonic()
        self._is_started = True

    def round(self) -> None:
        """Note that the claim loop runs."""
        self.last_round = time.monotonic()

    def claimed(self) -> None:
        """Note that a claim was answered, or that there was no room for one."""
        self.last_claim = self.last_contact = time.monotonic()
        self._has_claimed = True

    def contact(self) -> None:
        """Note that Redis answered something else."""
        self.last_contact = time.monotonic()

    def consuming(self) -> bool:
        """Whether the claim loop runs and reaches the queue whenever Redis can be reached."""
        return self._is_started and not self.stopping and self._not_consuming() is None

    def state(self) -> State:
        """Return what the worker is doing; safe in every thread."""
        if self._trouble() is not None:
            return State.STUCK
        if self.stopping:
            return State.STOPPING
        return State.CONSUMING if self._has_claimed else State.STARTING

    def verdict(self) -> Verdict:
        """Return whether the worker is alive, and why not; safe in every thread."""
        trouble = self._trouble()
        return Verdict(trouble is None, trouble or self.state())

    def _trouble(self) -> str | None:
        if not self._is_started:  # `on_startup` may take long, and block the loop
            return self._starts_too_long()
        lag = self.pulse.lag()
        if lag > LOOP_STALL:
            return f"the event loop has been blocked for {lag:.0f} s"
        return None if self.stopping else self._not_consuming()

    def _starts_too_long(self) -> str | None:
        limit, seconds = self._startup_timeout, time.monotonic() - self._began
        if limit is None or seconds <= limit:
            return None
        return f"it has been starting for {seconds:.0f} s"

    def _not_consuming(self) -> str | None:
        silent = time.monotonic() - self.last_round
        if silent > CLAIM_STALL:
            return f"the claim loop has made no progress for {silent:.0f} s"
        behind = self.last_contact - self.last_claim
        if behind > CLAIM_STALL:
            return f"Redis answers, but no claim was answered for {behind:.0f} s"
        return None
