"""The health line that arq's workers share, for `arq --check` and for whoever reads that key."""

import logging
import time
from datetime import datetime
from typing import Protocol

from jobgate.broker import Broker, BrokerError
from jobgate.worker.jobs.running_jobs import RunningJobs
from jobgate.worker.settings import Settings

logger = logging.getLogger("jobgate.worker")

#: Seconds that a line lives beyond the interval in which it is written, as in arq.
_MARGIN = 1.0


class Counts(Protocol):
    """The counters of a worker, under arq's names."""

    jobs_complete: int
    jobs_failed: int
    jobs_retried: int


class HealthLine:
    """Writes the line, one for each queue that the worker serves.

    Args:
        broker: where to.
        settings: the worker's: queues, interval, key.
        jobs: those that run.
        counts: the worker's counters.
    """

    def __init__(self, broker: Broker, settings: Settings, *, jobs: RunningJobs, counts: Counts) -> None:
        self._broker = broker
        self._settings = settings
        self._jobs = jobs
        self._counts = counts
        self._due = 0.0
        self._told = ""

    async def write_if_due(self) -> None:
        """Write it when `health_check_interval` has passed since the last one. Raises BrokerError."""
        now = time.monotonic()
        if now < self._due:
            return
        counters = self._counters()
        line = f"{datetime.now().astimezone():%b-%d %H:%M:%S} {counters} queued="
        interval = self._settings.health_check_interval
        failed: BrokerError | None = None
        for queue in self._settings.weights:
            try:
                await self._broker.write_health(
                    queue, line, key=self._settings.health_check_key, ttl=interval + _MARGIN
                )
            except BrokerError as error:  # the other queues get their line all the same
                failed = error
        if failed is not None:
            raise failed
        self._due = now + interval
        if counters != self._told:  # as in arq: an idle worker does not fill the log
            logger.info("recording health: %s", counters)
            self._told = counters

    def _counters(self) -> str:
        counts = self._counts
        return (
            f"j_complete={counts.jobs_complete} j_failed={counts.jobs_failed} "
            f"j_retried={counts.jobs_retried} j_ongoing={self._jobs.in_progress}"
        )
