"""Tells the others that this worker lives and what it offers."""

import asyncio
import logging
import os
import socket
import time

from jobgate.broker import Broker, BrokerError, WorkerRecord
from jobgate.worker.jobs.running_jobs import RunningJobs
from jobgate.worker.settings import Settings
from jobgate.worker.vitals.health_line import Counts, HealthLine
from jobgate.worker.vitals.job_log import reason_of
from jobgate.worker.vitals.liveness import Liveness

logger = logging.getLogger("jobgate.worker")

#: Seconds between two records, and how long each is believed.
INTERVAL = 3.0
TTL = 15.0
#: However often health lines are asked for.
_SHORTEST_INTERVAL = 0.25


class Announcer:
    """Announces the worker every few seconds.

    It runs in the event loop, and only while jobs are claimed: a worker that is alive but blocked, or
    does not reach its queue, must not look like one that takes jobs.
    """

    def __init__(
        self,
        broker: Broker,
        settings: Settings,
        *,
        worker_id: str,
        jobs: RunningJobs,
        counts: Counts,
        liveness: Liveness,
    ) -> None:
        self._broker = broker
        self._settings = settings
        self._worker_id = worker_id
        self._jobs = jobs
        self._counts = counts
        self._liveness = liveness
        self._start_time_ms = int(time.time() * 1000)
        self._announced = False
        self._health = HealthLine(broker, settings, jobs=jobs, counts=counts)

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            if self._liveness.consuming():
                await self._announce()
            await asyncio.sleep(max(min(INTERVAL, self._settings.health_check_interval), _SHORTEST_INTERVAL))

    async def retire(self) -> None:
        """Take the worker off the list; when Redis is away its record ends by itself."""
        if not self._announced:
            return
        try:
            await self._broker.retire(self._record())
        except BrokerError as error:
            logger.debug("the worker's record is left to end by itself: %s", reason_of(error))

    async def _announce(self) -> None:
        self._announced = True
        # Either without the other: a key of another kind may stand in the way of one.
        for write in (self._write_record, self._health.write_if_due):
            try:
                await write()
            except BrokerError as error:
                # Not more than a debugging line: the claims tell of the trouble.
                logger.debug("heartbeat not written, trying again: %s", reason_of(error))

    async def _write_record(self) -> None:
        await self._broker.announce(self._record(), ttl=TTL)
        self._liveness.contact()

    def _record(self) -> WorkerRecord:
        return WorkerRecord(
            worker_id=self._worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=tuple(self._settings.weights),
            functions=tuple(function.name for function in self._settings.functions),
            max_jobs=self._settings.max_jobs,
            in_progress=self._jobs.in_progress,
            complete=self._counts.jobs_complete,
            failed=self._counts.jobs_failed,
            retried=self._counts.jobs_retried,
            start_time_ms=self._start_time_ms,
            health_key=self._settings.health_check_key,
        )
