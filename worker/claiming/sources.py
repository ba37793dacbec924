"""One queue that a worker claims from: tokens that survive a lost answer, pauses after failures."""

import logging
import random
import time
from collections.abc import Callable

from jobgate.broker import Broker
from jobgate.broker.errors import BrokerError, OutcomeUnknown
from jobgate.broker.log_text import counted, printable
from jobgate.broker.records import Claim
from jobgate.worker.vitals.job_log import reason_of
from jobgate.worker.vitals.metrics import WorkerMetrics

logger = logging.getLogger("jobgate.worker")

#: Pauses after failed claims, in seconds: the first and the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
#: After so many failures in a row the log is told again.
_TELL_EVERY = 30


class Source:
    """Claims from one queue for one worker.

    Args:
        broker: where jobs come from.
        queue: which.
        worker_id: who claims.
        lease: seconds that a claimed job belongs to the worker.
        page: ids that Redis reads at a time where it passes by some.
        new_token: makes a token, a new one at each call.
        metrics: counts failures.
    """

    def __init__(
        self,
        broker: Broker,
        queue: str,
        *,
        worker_id: str,
        lease: float,
        page: int,
        new_token: Callable[[], str],
        metrics: WorkerMetrics,
    ) -> None:
        self.queue = queue
        self._broker = broker
        self._worker_id = worker_id
        self._lease = lease
        self._page = page
        self._new_token = new_token
        self._metrics = metrics
        #: Of the claim that is to be made again; None = the next one gets a token of its own.
        self._token: str | None = None
        self._failures = 0
        #: Whether a claim may have happened without its answer.
        self.is_in_doubt = False
        #: Whether the last claim was refused by a server that is not the one to claim from.
        self.is_refused = False
        self._is_paused = False
        #: Monotonic instant before which it should not be asked again.
        self.ready_at = 0.0

    async def claim(self, limit: int) -> Claim | None:
        """Claim once; None after a failure, and then not before `ready_at` again.

        After a failure the same token is sent again: had the claim happened and its answer been lost,
        the same jobs come back, without a further try.
        """
        self._token = self._token or self._new_token()
        try:
            claim = await self._broker.claim(
                self.queue,
                limit,
                worker_id=self._worker_id,
                token=self._token,
                lease=self._lease,
                page=self._page,
            )
        except BrokerError as error:
            self._note_failure(error)
            return None
        self._token = None
        self.is_in_doubt = self.is_refused = False
        self._note_answer(claim)
        return claim

    def _note_failure(self, error: BrokerError) -> None:
        self._failures += 1
        self.is_in_doubt |= isinstance(error, OutcomeUnknown)
        self.is_refused = error.reason == "wrong-server"
        self._metrics.claim_failures.inc()
        if self._failures == 1 or self._failures % _TELL_EVERY == 0:
            logger.warning(
                "no jobs can be claimed, still retrying: %s (queue %s)",
                reason_of(error),
                printable(self.queue),
            )
        pause = min(_FIRST_PAUSE * 2 ** min(self._failures, 10), _LONGEST_PAUSE)
        self.ready_at = time.monotonic() + pause * random.uniform(0.5, 1.0)

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
