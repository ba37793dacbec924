"""One queue that a worker claims from: tokens that survive a lost answer, pauses after failures."""

import itertools
import time

from jobgate.broker import (
    Backoff,
    BrokerError,
    Claim,
    WriteInDoubt,
    claim_token,
    counted,
    printable,
    with_jitter,
)
from jobgate.worker.jobs import Shared
from jobgate.worker.log import logger, reason_of

#: Pauses after failed claims.
_BACKOFF = Backoff(first=0.2, longest=2.0)
#: Failures in a row after which the warning is repeated.
_WARN_EVERY = 30
#: Numbers of claims: a worker that runs again has the same id, and must not use a token twice.
_NUMBERS = itertools.count()


class Source:
    """Claims from one queue for one worker.

    Args:
        shared: What the parts of the run share.
        queue: Name of the queue.
    """

    def __init__(self, shared: Shared, queue: str) -> None:
        self.queue = queue
        self._shared = shared
        #: Token of a claim that is to be repeated; None = the next claim gets a new one.
        self._token: str | None = None
        self._failures = 0
        #: Whether a claim may have happened without its answer.
        self.is_in_doubt = False
        #: Whether the last claim was refused by a server that cannot be claimed from, such as a replica.
        self.is_refused = False
        self._is_paused = False
        #: Whether this worker polls the queue, so that others need not.
        self.is_polled_here = False
        #: Monotonic instant before which the queue should not be claimed from.
        self.ready_at = 0.0

    async def claim(self, limit: int, woken_ms: int | None = None) -> Claim | None:
        """Claim once, at most `limit` jobs.

        After a failure the same token is sent again: if only the answer was lost, the same jobs come back
        without using up another try.

        Args:
            limit: At least 1.
            woken_ms: When the wake token was made that has just arrived; None = none has.

        Returns:
            The answer; None after a failure: do not claim again before `ready_at`.
        """
        shared = self._shared
        self._token = self._token or claim_token(shared.worker_id, next(_NUMBERS), shared.clock.now_ms())
        try:
            claim = await shared.broker.claim(
                self.queue,
                limit,
                worker_id=shared.worker_id,
                token=self._token,
                lease=shared.settings.lease,
                page=shared.settings.read_limit,
                # A burst ends when it finds nothing, so nobody can rely on it.
                poll=None if shared.settings.burst else shared.settings.poll_delay,
                woken_ms=woken_ms,
            )
        except BrokerError as error:
            self._note_failure(error)
            return None
        self._token = None
        self.is_in_doubt = self.is_refused = False
        self.is_polled_here = claim.polls and len(claim.jobs) < limit and not shared.settings.burst
        self._note_answer(claim)
        return claim

    def _note_failure(self, error: BrokerError) -> None:
        self._failures += 1
        self.is_in_doubt |= isinstance(error, WriteInDoubt)
        self.is_refused = error.reason == "wrong-server"
        self._shared.observers.claim_failed(self.queue, error)
        if self._failures == 1 or self._failures % _WARN_EVERY == 0:
            logger.warning(
                "no jobs can be claimed, still retrying: %s (queue %s)",
                reason_of(error),
                printable(self.queue),
            )
        self.ready_at = time.monotonic() + with_jitter(_BACKOFF.pause(self._failures))

    def _note_answer(self, claim: Claim) -> None:
        if self._failures:
            logger.warning(
                "jobs can be claimed again after %s (queue %s)",
                counted(self._failures, "failure"),
                printable(self.queue),
            )
            self._failures = 0
        if claim.is_paused is not self._is_paused:
            self._is_paused = claim.is_paused
            logger.info(
                "queue %s %s", printable(self.queue), "is paused" if claim.is_paused else "is resumed"
            )
