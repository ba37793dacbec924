"""One job from its claim to its end in this worker."""

import asyncio
import math
import time
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from jobgate.broker import LOST_BODY, ClaimedJob, JobBody, claimed_ms, printable
from jobgate.worker.functions import ResolvedFunction, RunLimits
from jobgate.worker.invocation import Leftover
from jobgate.worker.jobs.outcome import Stop

#: Seconds after its timeout in which a job may still clean up under its lease.
CLEANUP = 3.0
#: Seconds a lease is renewed before the job's own limit is known, and while its outcome is written.
SHORT_WORK = 60.0
#: Number of leftovers at which a job forgets those that are over.
_MANY = 32


class Phase(Enum):
    """How far a job is. Only a running one can be cancelled."""

    #: Claimed; its function has not begun.
    CLAIMED = auto()
    #: Given back before it began, by the renewal thread.
    GIVEN_BACK = auto()
    #: Its function or `on_job_start` runs.
    RUNNING = auto()
    #: Its function has ended; the outcome is being written.
    ENDING = auto()


class RunningJob:
    """One claimed job.

    The renewal thread reads `claimed` and `renew_until`. It also writes `lease_until`, and the `phase` of
    jobs that it releases before they have begun.
    """

    __slots__ = (
        "body", "claimed", "claimed_anew", "ctx", "deadline", "function", "is_held", "is_in_doubt",
        "is_written", "job_id", "lease_until", "leftovers", "limits", "phase", "renew_until", "start_ms",
        "started", "stop_reason", "task", "tries",
    )  # fmt: skip

    def __init__(self, claimed: ClaimedJob, limits: RunLimits) -> None:
        self.claimed = claimed
        self.job_id = claimed.lease.job_id
        #: A later claim of the same id, made while the outcome was being written; see `take_over`.
        self.claimed_anew: ClaimedJob | None = None
        #: Whether its outcome was sent, and so may have arrived.
        self.is_written = False
        #: Whether an answer to that was lost.
        self.is_in_doubt = False
        #: None until decoded, or if that failed.
        self.body: JobBody | None = None
        #: None where the function is unknown.
        self.function: ResolvedFunction | None = None
        self.limits = limits
        #: arq's `job_try`.
        self.tries = claimed.lease.tries
        self.phase = Phase.CLAIMED
        self.stop_reason: Stop | None = None
        self.task: asyncio.Task[None] | None = None
        self.ctx: dict[str, Any] = {}
        #: What it has started outside of its coroutine; finished ones may be missing.
        self.leftovers: list[Leftover] = []
        #: Whether it was cancelled at shutdown and waits for its leftovers before it is released.
        self.is_held = False
        #: By the Redis clock: the time of the claim, which views of the running job show.
        self.start_ms = claimed_ms(claimed.lease.token) or 0
        #: Monotonic seconds, as all that follow.
        self.started = time.monotonic()
        #: When the function must have ended.
        self.deadline = math.inf
        #: Redis has confirmed that the lease is ours until then.
        self.lease_until = claimed.leased_until
        #: The lease is renewed until then: a wedged worker must not keep jobs for ever.
        self.renew_until = self.started + SHORT_WORK

    @property
    def reference(self) -> str:
        """`id:function`, or a cron job's name alone, as in arq's log, with escapes."""
        if self.function is not None and self.function.is_cron:
            return printable(self.function.name)
        return printable(f"{self.job_id}:{(self.body or LOST_BODY).function}")

    @property
    def counted_tries(self) -> int:
        """Its tries, as they count against `max_tries`: a function that allows one start is started once."""
        return self.tries - (self.claimed.uncounted_tries if self.limits.max_tries > 1 else 0)

    @property
    def in_thread(self) -> bool:
        """Whether its function runs in a thread now, which cannot be stopped."""
        return self.phase is Phase.RUNNING and self.function is not None and self.function.in_thread

    def has_started(self, leftover: Leftover) -> None:
        """Note what the job has started outside of its coroutine."""
        if len(self.leftovers) % _MANY == _MANY - 1:
            self.leftovers = [one for one in self.leftovers if not one.is_over()]
        self.leftovers.append(leftover)

    def hold(self) -> None:
        """Keep the lease until its leftovers have ended: only then is the job released."""
        self.is_held, self.renew_until = True, math.inf

    @property
    def to_release(self) -> ClaimedJob:
        """The claim as it is released: a body that has expired after its function began does not count."""
        return replace(self.claimed, body_expires_ms=None) if self.ctx else self.claimed

    def enter_running(self) -> None:
        """Note that the function begins: from now on it may be cancelled, and its timeout counts."""
        self.phase = Phase.RUNNING
        timeout = self.limits.timeout
        self.started = time.monotonic()
        self.deadline = math.inf if timeout is None else self.started + timeout
        self.renew_until = self.deadline + CLEANUP

    def enter_ending(self) -> None:
        """Note that the function has ended: a cancellation must not affect the next steps."""
        self.phase = Phase.ENDING
        self.deadline = math.inf
        self.keep_lease()

    def keep_lease(self, seconds: float | None = None) -> None:
        """Have the lease renewed for `seconds` more, while a hook runs or the outcome is being written."""
        self.renew_until = time.monotonic() + (SHORT_WORK if seconds is None else seconds)

    def take_over(self, claimed: ClaimedJob) -> bool:
        """Continue under the lease of a later claim of the same worker: the first one has run out.

        Once the outcome has been sent, the claim may be of the same job or, after a retry, of the next try.
        Then the answer to that write decides: see `adopt_claimed_anew`.

        Returns:
            Whether the claim is handled; False = it is to be started, and this job is lost.
        """
        if self.stop_reason is Stop.LOST or self.phase is Phase.GIVEN_BACK:
            return False
        if self.is_written:
            self.claimed_anew = claimed
            return True
        if self._adopt(claimed):
            return True
        if self.phase is Phase.ENDING:  # too late to stop it, but it must not wait for a newer lease
            self.stop_reason = Stop.LOST
        return False

    def adopt_claimed_anew(self) -> bool:
        """Continue under the newer lease after a write that the old one no longer covered.

        Returns:
            Whether there was a newer lease.
        """
        if self.claimed_anew is None or not self._adopt(self.claimed_anew):
            return False
        self.claimed_anew = None
        return True

    def _adopt(self, claimed: ClaimedJob) -> bool:
        old = self.claimed
        if claimed.body not in (None, old.body):  # another job under the same id
            return False
        idle = old.idle_tries + claimed.lease.tries - old.lease.tries
        self.claimed = replace(old, lease=claimed.lease, idle_tries=idle)
        self.lease_until = claimed.leased_until
        return True

    def stop(self, reason: Stop) -> None:
        """Cancel the function. The first reason stays; a later one only cancels again.

        Before the function begins only the reason is noted: a task that is cancelled before its first step
        never runs its own clean-up.
        """
        if self.phase in (Phase.ENDING, Phase.GIVEN_BACK):
            return
        self.stop_reason = self.stop_reason or reason
        # At shutdown a job in a thread must not be given to others while the thread runs.
        if self.phase is Phase.RUNNING and self.task and not (self.in_thread and reason is Stop.SHUTDOWN):
            self.task.cancel()
