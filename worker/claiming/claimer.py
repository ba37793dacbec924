"""Takes due jobs while there is room for them, and sleeps until there is work or room."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from jobgate.broker import Broker
from jobgate.broker.bodies.tokens import claim_token
from jobgate.broker.errors import BrokerError
from jobgate.broker.log_text import counted, printable
from jobgate.broker.records import Claim, ClaimedJob
from jobgate.worker.claiming.shares import Shares
from jobgate.worker.claiming.sources import Source
from jobgate.worker.clock import RedisClock
from jobgate.worker.jobs.running_jobs import RunningJobs
from jobgate.worker.settings import Settings
from jobgate.worker.vitals.job_log import reason_of
from jobgate.worker.vitals.liveness import Liveness
from jobgate.worker.vitals.metrics import WorkerMetrics

logger = logging.getLogger("jobgate.worker")

#: Seconds after which a worker without room goes round, to show that it lives.
_LONGEST_WAIT = 5.0
#: Seconds for asking once more, at the end, for a claim whose answer was lost.
_LAST_CLAIM = 2.0
#: Of claims: a worker that runs again has the same id, and must not use a token twice.
_NUMBERS = itertools.count()
#: Shortest wait for work: to Redis 0 would mean for ever.
_SHORTEST_WAIT = 0.005


class Claimer:
    """The claim loop of one worker.

    Args:
        broker: where jobs come from.
        settings: the worker's.
        worker_id: who claims.
        jobs: those that run; their room bounds each claim.
        start: takes each claimed job.
        clock: is set by each answer.
        liveness: is told of rounds and answers.
        metrics: counts failures.
    """

    def __init__(
        self,
        broker: Broker,
        settings: Settings,
        *,
        worker_id: str,
        jobs: RunningJobs,
        start: Callable[[ClaimedJob], None],
        clock: RedisClock,
        liveness: Liveness,
        metrics: WorkerMetrics,
    ) -> None:
        self._broker = broker
        self._settings = settings
        self._jobs = jobs
        self._start = start
        self._clock = clock
        self._liveness = liveness
        self._stop = asyncio.Event()
        self._waiting: asyncio.Task[None] | None = None
        self._shares = Shares(settings.weights)
        self._sources = {
            queue: Source(
                broker,
                queue,
                worker_id=worker_id,
                lease=settings.lease,
                page=settings.read_limit,
                new_token=lambda: claim_token(worker_id, next(_NUMBERS), clock.now_ms()),
                metrics=metrics,
            )
            for queue in settings.weights
        }

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop, or has stopped by itself."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Claim no more. A claim that is under way is awaited, and what it brings is given back."""
        self._stop.set()
        self._liveness.stopping = True
        self._jobs.wake()
        if self._waiting is not None:
            self._waiting.cancel()

    async def run(self) -> None:
        """Claim until stopped, or with `burst` until there is nothing left."""
        await self._claim_on()
        in_doubt = [source for source in self._sources.values() if source.is_in_doubt]
        await asyncio.gather(*map(self._settle, in_doubt))

    async def _settle(self, source: Source) -> None:
        """Ask once more for the answer of a claim that was lost, and give back what it brings."""
        try:
            async with asyncio.timeout(_LAST_CLAIM):
                claim = await source.claim(1)
        except TimeoutError:
            claim = None
        if claim is not None:
            await self._give_back([job for job in claim.jobs if not self._jobs.take_over(job)])
        else:
            logger.warning(
                "the last claim from queue %s was not answered: what it may have taken is left until the "
                "leases run out, with a try counted",
                printable(source.queue),
            )

    async def _claim_on(self) -> None:
        while not self._stop.is_set():
            self._liveness.round()
            limit = self._limit()
            if limit > 0:
                await self._round(limit)
            elif self._all_started() and not len(self._jobs):
                logger.info("max_burst_jobs %d are done, a burst worker stops", self._settings.max_burst_jobs)
                return
            else:
                self._liveness.claimed()
                await self._jobs.wait_change(_LONGEST_WAIT)

    async def take(self, claimed: ClaimedJob) -> None:
        """Start a claimed job that had to wait, or give it back when no more are started."""
        if self._stop.is_set():
            await self._give_back([claimed])
        else:
            self._start(claimed)

    def _limit(self) -> int:
        """Return how many jobs may be claimed now."""
        settings = self._settings
        if settings.burst and settings.max_burst_jobs >= 0:
            return min(self._jobs.free, settings.max_burst_jobs - self._jobs.started)
        return self._jobs.free

    def _all_started(self) -> bool:
        settings = self._settings
        return settings.burst and 0 <= settings.max_burst_jobs <= self._jobs.started

    async def _note_adopted(self, jobs: list[ClaimedJob]) -> None:
        """Note that suspects which run here already have begun: the next end of their leases counts."""
        with suppress(BrokerError):
            for job in jobs:
                await self._broker.note_begun(job.lease, is_alone=False)

    async def _round(self, limit: int) -> None:
        """Claim from all queues until there is no room or nothing more to claim, then rest."""
        answers: dict[str, Claim] = {}
        now = time.monotonic()
        left = {source.queue for source in self._sources.values() if source.ready_at <= now}
        while limit > 0 and left:
            parts = self._shares.split(limit, left)
            claims = await self._claim(parts)
            jobs = [job for claim in claims.values() for job in claim.jobs]
            new = [job for job in jobs if not self._jobs.take_over(job)]
            await self._note_adopted([job for job in jobs if job.crashes and job not in new])
            if self._stop.is_set():
                await self._give_back(new)
                return
            for job in new:
                self._start(job)
            limit -= len(jobs)
            answers |= claims
            left -= {queue for queue in parts if queue not in claims or not _has_more(claims[queue])}
            self._shares.note({queue: len(claim.jobs) for queue, claim in claims.items()}, left)
        if limit > 0:
            await self._rest(answers)

    async def _claim(self, parts: Mapping[str, int]) -> dict[str, Claim]:
        """Claim so many jobs from each of these queues; failures are left out of the answer."""
        calls = [self._sources[queue].claim(limit) for queue, limit in parts.items()]
        answers = await asyncio.gather(*calls) if len(calls) > 1 else [await calls[0]]
        claims = {queue: claim for queue, claim in zip(parts, answers, strict=True) if claim is not None}
        if any(self._sources[queue].is_refused for queue in parts):
            # A server that answers so for long is no reason to wait: a new process may find another.
            self._liveness.contact()
        for claim in claims.values():
            self._clock.set(claim.now_ms)
            self._liveness.claimed()
        return claims

    async def _rest(self, claims: Mapping[str, Claim]) -> None:
        """Wait for work: a wake token, the next due time, or `poll_delay`."""
        settings = self._settings
        if settings.burst and not len(self._jobs) and self._is_drained(claims):
            logger.info("nothing is left to do, a burst worker stops")
            self.stop()
            return
        timeout = self._pause(claims)
        if settings.burst and len(self._jobs):
            await self._jobs.wait_change(timeout)
        elif not claims:
            await self._sleep(asyncio.sleep(timeout))
        else:
            await self._wait_for_work(timeout)

    async def _wait_for_work(self, timeout: float) -> None:
        try:
            await self._sleep(self._broker.wait_for_work(tuple(self._settings.weights), timeout))
        except BrokerError:
            await self._sleep(asyncio.sleep(timeout))  # the next claim tells of it

    def _is_drained(self, claims: Mapping[str, Claim]) -> bool:
        """Whether all queues have answered that they hold nothing; a paused one counts as empty."""
        return len(claims) == len(self._sources) and all(
            claim.next_due_in is None for claim in claims.values()
        )

    def _pause(self, claims: Mapping[str, Claim]) -> float:
        """Return how long to wait until there may be something to claim in a queue."""
        # Due jobs that a claim did not bring belong to others: asking again at once would spin.
        dues = [claim.next_due_in or self._settings.poll_delay for claim in claims.values()]
        now = time.monotonic()
        failed = [source.ready_at - now for queue, source in self._sources.items() if queue not in claims]
        return max(min(*dues, *failed, self._settings.poll_delay), _SHORTEST_WAIT)

    async def _sleep(self, until: Coroutine[Any, Any, None]) -> None:
        """Await something that `stop` may cut short."""
        if self._stop.is_set():
            until.close()
            return
        self._waiting = asyncio.create_task(until)
        try:
            await self._waiting
        except asyncio.CancelledError:
            if not self._stop.is_set():
                raise
        finally:
            self._waiting = None

    async def _give_back(self, claimed: Sequence[ClaimedJob]) -> None:
        try:
            if claimed:
                await self._broker.release(claimed)
        except BrokerError as error:
            jobs = counted(len(claimed), "claimed job")
            logger.warning("%s left until the leases run out: %s", jobs, reason_of(error))


def _has_more(claim: Claim) -> bool:
    """Whether asking again at once may bring more; due jobs that a claim did not bring run elsewhere."""
    return bool(claim.jobs) and claim.next_due_in == 0
