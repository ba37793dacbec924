"""Announces to the fleet that this worker is alive (its record, arq's health line), and finds workers."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version

from jobgate.broker import Broker, BrokerError, FunctionDocument, Schedule, WorkerRecord, zone_name
from jobgate.worker.jobs import Observer, Outcome, OutcomeKind, RunningJob, Shared
from jobgate.worker.log import logger, reason_of
from jobgate.worker.roles import TaskRole
from jobgate.worker.settings import Settings
from jobgate.worker.vitals.liveness import Liveness, Verdict
from jobgate.worker.vitals.own_vitals import own_vitals
from jobgate.worker.vitals.publisher import Publisher

#: Seconds between two records, and how long each is valid.
_INTERVAL = 3.0
_TTL = 15.0
#: Shortest time between two records, however often health lines are asked for.
_SHORTEST_INTERVAL = 0.25
_VERSION = version("jobgate")
#: Seconds that a health line lives beyond the interval in which it is written, as in arq.
_MARGIN = 1.0


class Counts(Observer):
    """The counters of one run, under arq's names."""

    def __init__(self) -> None:
        #: Jobs that succeeded.
        self.jobs_complete = 0
        #: Jobs that failed for good.
        self.jobs_failed = 0
        #: Tries after which the job is to run again.
        self.jobs_retried = 0

    def outcome_written(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        """Count an outcome."""
        if outcome.kind is OutcomeKind.SUCCESS:
            self.jobs_complete += 1
        elif outcome.kind is OutcomeKind.FAILED:
            self.jobs_failed += 1
        elif outcome.kind in (OutcomeKind.RETRY, OutcomeKind.RELEASE):
            self.jobs_retried += 1


class Announcer(TaskRole):
    """Announces the worker every few seconds.

    It runs in the event loop, and only while jobs are claimed: a worker that is blocked, or does not reach
    its queue, must not look like one that takes jobs.

    Args:
        shared: What the parts of the run share.
        counts: Counters, for the record and the health line.
        liveness: Receives signs of life.
        on_unpolled: Called when no idle worker polls one of the queues as soon as this one would, and when
            Redis does not answer.
    """

    def __init__(
        self, shared: Shared, counts: Counts, liveness: Liveness,
        *, on_unpolled: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._shared = shared
        self._on_unpolled = on_unpolled
        self._broker = shared.broker
        self._settings = shared.settings
        self._counts = counts
        self._liveness = liveness
        self._start_time_ms = int(time.time() * 1000)
        self._publisher = Publisher(shared.broker, _documents(shared))
        self._announced = False
        self._health_due = 0.0
        self._logged_health = ""

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            if self._liveness.consuming():
                await self._announce()
            await asyncio.sleep(max(min(_INTERVAL, self._settings.health_check_interval), _SHORTEST_INTERVAL))

    async def stop(self) -> None:
        """Stop announcing and remove the record. Without Redis the record expires by itself."""
        await super().stop()
        if not self._announced:
            return
        self._announced = False
        try:
            await self._broker.retire(self._record())
        except BrokerError as error:
            logger.debug("the worker's record is left to expire: %s", reason_of(error))

    async def _announce(self) -> None:
        if not self._announced:
            # First, so that whoever reads the record finds what it names.
            await self._publisher.publish()
        self._announced = True
        # At level debug: the claims already log the problem.
        try:
            await self._write_record()
        except BrokerError as error:
            logger.debug("heartbeat not written, still retrying: %s", reason_of(error))
            self._on_unpolled()
        # It may fail without the other, for example because its key holds another type of value.
        try:
            await self._write_health_if_due()
        except BrokerError as error:
            logger.debug("health line not written, still retrying: %s", reason_of(error))

    async def _write_record(self) -> None:
        beat = await self._broker.announce(
            self._record(), ttl=_TTL, size=self._publisher.size, timeout=_INTERVAL,
            vitals=own_vitals(self._shared.jobs, self._liveness.pulse), poll=self._settings.poll_delay,
        )  # fmt: skip
        self._liveness.contact()
        if not beat.is_polled:
            self._on_unpolled()
        if not beat.is_published:
            await self._publisher.publish()

    def _record(self) -> WorkerRecord:
        settings, counts = self._settings, self._counts
        return WorkerRecord(
            worker_id=self._shared.worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=tuple(settings.weights),
            max_jobs=settings.max_jobs,
            in_progress=self._shared.jobs.in_progress,
            complete=counts.jobs_complete,
            failed=counts.jobs_failed,
            retried=counts.jobs_retried,
            start_time_ms=self._start_time_ms,
            health_key=settings.health_check_key,
            catalogue=self._publisher.digest,
            version=_VERSION,
        )

    async def _write_health_if_due(self) -> None:
        """Write arq's health line for each queue when `health_check_interval` has passed."""
        now = time.monotonic()
        if now < self._health_due:
            return
        counters = self._counters()
        line = f"{datetime.now().astimezone():%b-%d %H:%M:%S} {counters} queued="
        interval, key = self._settings.health_check_interval, self._settings.health_check_key
        failed: BrokerError | None = None
        for queue in self._settings.weights:
            try:
                await self._broker.write_health(queue, line, key=key, ttl=interval + _MARGIN)
            except BrokerError as error:  # the other queues still get their line
                failed = error
        if failed is not None:
            raise failed
        self._health_due = now + interval
        if counters != self._logged_health:  # as in arq: an idle worker does not fill the log
            logger.info("recording health: %s", counters)
            self._logged_health = counters

    def _counters(self) -> str:
        counts = self._counts
        return (
            f"j_complete={counts.jobs_complete} j_failed={counts.jobs_failed} "
            f"j_retried={counts.jobs_retried} j_ongoing={self._shared.jobs.in_progress}"
        )


def _documents(shared: Shared) -> list[FunctionDocument]:
    """Return what is published of the functions, those of cron jobs with their times."""
    settings = shared.settings
    zone = zone_name(settings.timezone) if settings.cron_jobs else None
    schedules: dict[str, list[Schedule]] = {}
    for cron in settings.cron_jobs:
        schedules.setdefault(cron.name, []).append(cron.schedule(settings.queue, zone))
    documents = (each.document for each in shared.functions.values())
    return [replace(each, schedules=tuple(schedules.get(each.name, ()))) for each in documents]


async def look_for_workers(settings: Settings) -> Verdict:
    """Check whether a live worker serves each queue of these settings. Errors of Redis are verdicts too.

    A worker is alive when it has announced itself within the last 15 seconds: it reaches Redis and claims
    jobs. Where `health_check_key` is set, only workers with the same key count. Stock arq workers do not
    announce themselves and are not seen.
    """
    broker = Broker(settings.redis, namespace=settings.namespace)
    try:
        found = {queue: await broker.workers(queue) for queue in settings.weights}
    except BrokerError as error:
        return Verdict(False, str(error))
    finally:
        await broker.close()
    key = settings.health_check_key
    workers = {queue: [one for one in all_ if one.health_key == key] for queue, all_ in found.items()}
    missing = [queue for queue, records in workers.items() if not records]
    if missing:
        return Verdict(False, f"no live worker serves queue {missing[0]}")
    return Verdict(True, "; ".join(f"{queue}: {_summary(records)}" for queue, records in workers.items()))


def _summary(records: Sequence[WorkerRecord]) -> str:
    count = "1 live worker" if len(records) == 1 else f"{len(records)} live workers"
    return (
        f"{count}, j_complete={sum(one.complete for one in records)} "
        f"j_failed={sum(one.failed for one in records)} j_retried={sum(one.retried for one in records)} "
        f"j_ongoing={sum(one.in_progress for one in records)}"
    )
