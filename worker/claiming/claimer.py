"""Claims due jobs while there is room for them, and sleeps until there is work or room.

An idle worker is woken in `Claimer._wait_for_work`: by a wake token in Redis, which every enqueue pushes.
Some jobs push none, such as those of stock arq producers. One idle worker of each queue polls for them
(poller.lua), the others only sleep.
"""

import asyncio
import math
import sys
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from jobgate.broker import BrokerError, Claim, ClaimedJob, printable
from jobgate.worker.claiming.shares import Shares
from jobgate.worker.claiming.source import Source
from jobgate.worker.jobs import JobRunner, Persistence, Shared
from jobgate.worker.log import logger
from jobgate.worker.roles import TaskRole
from jobgate.worker.vitals import Liveness

#: Seconds after which a worker without room runs its loop again, as a sign of life.
_LONGEST_WAIT = 5.0
#: Seconds after which a worker claims again although another one polls: liveness.py expects a sign of life.
_LONGEST_SLEEP = 45.0
#: Longest pause in seconds after a wait that Redis did not answer, and longest wait for a last message to it.
_AFTER_A_LOSS, _LAST_WORD = 1.0, 0.5
#: Jobs that are claimed together if there is room: more claims of fewer jobs each would take longer.
_WORTH_A_CLAIM = 50
#: Seconds for repeating an unanswered claim at shutdown.
_LAST_CLAIM = 2.0
#: Turns of the event loop in which a job that waits for nothing starts, ends, and has its outcome sent.
_SHORT_JOB = 2
#: Shortest wait for work in seconds: for Redis, 0 would mean no limit.
_SHORTEST_WAIT = 0.005
_Value = TypeVar("_Value")


class Claimer(TaskRole):
    """The claim loop of one worker.

    Args:
        shared: What the parts of the run share; the room of its `jobs` bounds each claim.
        runner: Takes each claimed job.
        persistence: Gives back jobs that are not to be started.
        liveness: Receives signs of life: rounds of the loop and answers.
        only_due: Whether a burst ends when nothing is due, and leaves deferred jobs.
    """

    def __init__(
        self, shared: Shared, runner: JobRunner, persistence: Persistence, liveness: Liveness,
        *, only_due: bool = False,
    ) -> None:  # fmt: skip
        self._shared = shared
        self._broker = shared.broker
        self._settings = shared.settings
        self._only_due = only_due
        most = self._settings.max_burst_jobs if self._settings.burst else -1
        self._most_starts = most if most >= 0 else sys.maxsize
        #: Jobs of one claim: Redis claims the second half of them while the first half runs.
        self._most_at_once = max(math.ceil(self._settings.max_jobs / 2), _WORTH_A_CLAIM)
        self._jobs = shared.jobs
        self._clock = shared.clock
        self._runner = runner
        self._persistence = persistence
        self._liveness = liveness
        #: The claim loop while it sleeps, and whether `close` or `look` has woken it.
        self._sleeper: asyncio.Task[Any] | None = None
        self._is_woken = False
        #: When the wake token was made that ended the last wait; None = none did.
        self._woken_ms: int | None = None
        self._shares = Shares(self._settings.weights)
        self._sources = {queue: Source(shared, queue) for queue in self._settings.weights}
        self._queues = tuple(self._sources)

    def close(self) -> None:
        """Claim nothing more. A pending claim is awaited, and its jobs are released."""
        self._jobs.close()
        self._liveness.stopping = True
        self.look()

    def look(self) -> None:
        """Claim now instead of sleeping: a queue is not polled, or Redis does not answer."""
        if self._sleeper is not None and not self._is_woken:
            self._is_woken = True
            self._sleeper.cancel()

    async def stop(self) -> None:
        """Claim nothing more, and wait until the loop has ended. A pending claim is cancelled."""
        self.close()
        await super().stop()

    async def run(self) -> None:
        """Claim until closed, or with `burst` until nothing is left."""
        await self._claim_until_closed()
        await self._resign()
        in_doubt = [source for source in self._sources.values() if source.is_in_doubt]
        await asyncio.gather(*map(self._settle, in_doubt))

    async def _settle(self, source: Source) -> None:
        """Repeat a claim whose answer was lost, and give back its jobs."""
        try:
            async with asyncio.timeout(_LAST_CLAIM):
                claim = await source.claim(1)
        except TimeoutError:
            claim = None
        if claim is not None:
            await self._persistence.give_back([job for job in claim.jobs if not self._jobs.take_over(job)])
        else:
            logger.warning(
                "the last claim from queue %s was not answered: jobs that it may have taken are left until "
                "the leases run out, and a try counts",
                printable(source.queue),
            )

    async def _claim_until_closed(self) -> None:
        while not self._jobs.is_closed:
            self._liveness.round()
            limit = min(self._jobs.free, self._most_at_once, self._most_starts - self._jobs.started)
            if limit > 0:
                await self._round(limit)
            elif self._jobs.started >= self._most_starts and not len(self._jobs):
                logger.info("max_burst_jobs %d are done, a burst worker stops", self._settings.max_burst_jobs)
                return
            else:
                self._liveness.claimed()
                await self._resign()
                await self._jobs.wait_change(_LONGEST_WAIT)

    async def _resign(self) -> None:
        """Let another idle worker poll the queues that this one has polled."""
        polled = [source for source in self._sources.values() if source.is_polled_here]
        if not polled:
            return
        for source in polled:
            source.is_polled_here = False
        with suppress(BrokerError, TimeoutError):  # its name expires
            async with asyncio.timeout(_LAST_WORD):
                await self._broker.resign(
                    [source.queue for source in polled], worker_id=self._shared.worker_id
                )

    async def _note_adopted(self, jobs: list[ClaimedJob]) -> None:
        """Note in Redis that suspects that run here have begun: the next end of their leases counts."""
        with suppress(BrokerError):
            for job in jobs:
                await self._broker.note_begun(job.lease, is_alone=False)

    async def _round(self, limit: int) -> None:
        """Claim from all queues until there is no room or nothing more to claim, then rest."""
        answers: dict[str, Claim] = {}
        woken_ms, self._woken_ms = self._woken_ms, None
        now, has_started = time.monotonic(), False
        left = {source.queue for source in self._sources.values() if source.ready_at <= now}
        while limit > 0 and left:
            parts = self._shares.split(limit, left)
            claims = await self._claim(parts, woken_ms)
            woken_ms = None
            jobs = [job for claim in claims.values() for job in claim.jobs]
            new = [job for job in jobs if not self._jobs.take_over(job)]
            if adopted := [job for job in jobs if job.crashes and job not in new]:
                await self._note_adopted(adopted)
            if self._jobs.is_closed:
                await self._persistence.give_back(new)
                return
            for job in new:
                self._runner.start(job)
            has_started |= bool(new)
            limit -= len(jobs)
            answers |= claims
            left -= {queue for queue in parts if queue not in claims or not _has_more(claims[queue])}
            self._shares.note({queue: len(claim.jobs) for queue, claim in claims.items()}, left)
        if limit > 0:
            if has_started:
                await _let_short_jobs_end()
            await self._rest(answers)

    async def _claim(self, parts: Mapping[str, int], woken_ms: int | None) -> dict[str, Claim]:
        """Claim up to `parts[queue]` jobs from each queue; queues whose claim failed are left out."""
        calls = [self._sources[queue].claim(limit, woken_ms) for queue, limit in parts.items()]
        answers = await asyncio.gather(*calls) if len(calls) > 1 else [await calls[0]]
        claims = {queue: claim for queue, claim in zip(parts, answers, strict=True) if claim is not None}
        if any(self._sources[queue].is_refused for queue in parts):
            # If the server keeps answering like this, a restart helps: a new process may find another server.
            self._liveness.contact()
        for claim in claims.values():
            self._clock.set(claim.now_ms)
            self._liveness.claimed()
        return claims

    async def _rest(self, claims: Mapping[str, Claim]) -> None:
        """Wait for work: a wake token, and where this worker polls the next due time or `poll_delay`."""
        settings = self._settings
        if settings.burst and not len(self._jobs) and self._is_drained(claims):
            logger.info("nothing is left to do, a burst worker stops")
            self.close()
            return
        timeout = self._pause(claims)
        if settings.burst and len(self._jobs):
            await self._jobs.wait_change(timeout)
        elif not claims:
            await self._sleep(asyncio.sleep(timeout))
        else:
            await self._wait_for_work(timeout)

    async def _wait_for_work(self, timeout: float) -> None:
        is_due = timeout < self._settings.poll_delay
        waiting = self._broker.wait_for_work(self._queues, timeout, is_prompt=is_due)
        try:
            self._woken_ms = await self._sleep(waiting)
        except BrokerError:
            await self._sleep(asyncio.sleep(min(timeout, _AFTER_A_LOSS)))  # the next claim logs the error

    def _is_drained(self, claims: Mapping[str, Claim]) -> bool:
        """Whether all queues have answered that they are empty; a paused one counts as empty."""
        return len(claims) == len(self._sources) and all(
            claim.next_due_in is None or (self._only_due and claim.next_due_in > 0)
            for claim in claims.values()
        )

    def _pause(self, claims: Mapping[str, Claim]) -> float:
        """Return the seconds until this worker claims again if nothing wakes it."""
        now = time.monotonic()
        failed = [source.ready_at - now for queue, source in self._sources.items() if queue not in claims]
        return max(min(*map(self._next_look, claims.values()), *failed, _LONGEST_SLEEP), _SHORTEST_WAIT)

    def _next_look(self, claim: Claim) -> float:
        """Return the seconds until the queue of this claim may have something that wakes nobody."""
        if not claim.polls:
            return _LONGEST_SLEEP
        # Due jobs that a claim did not return belong to other workers: asking again at once would spin.
        return min(claim.next_due_in or self._settings.poll_delay, self._settings.poll_delay)

    async def _sleep(self, until: Coroutine[Any, Any, _Value]) -> _Value | None:
        """Await something that `close` and `look` may interrupt; return None if they did."""
        if self._jobs.is_closed:
            until.close()
            return None
        self._sleeper = task = asyncio.current_task()
        try:
            return await until
        except asyncio.CancelledError:
            is_cancelled = task is None or task.cancelling() > self._is_woken
            if is_cancelled and not self._jobs.is_closed:
                raise
            return None
        finally:
            if self._is_woken and task is not None:
                task.uncancel()
            self._sleeper, self._is_woken = None, False


def _has_more(claim: Claim) -> bool:
    """Whether asking again at once may bring more; due jobs that a claim left out run elsewhere."""
    return bool(claim.jobs) and claim.next_due_in == 0


async def _let_short_jobs_end() -> None:
    """Let callers have the outcomes of jobs that have just started, before the worker waits for more."""
    for _ in range(_SHORT_JOB):
        await asyncio.sleep(0)
