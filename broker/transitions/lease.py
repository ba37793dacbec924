"""The transitions of a running job: *claim*, *finish*, *retry*, *release*."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.broker.bodies.end_marks import note_of
from jobgate.broker.bodies.stored import encode_result
from jobgate.broker.core import BODY_TTL_MS, ENDED_TTL_MS, Core, by_queue, keep_ms, ms_of, to_ms
from jobgate.broker.keys import Keys
from jobgate.broker.link.coalescer import Coalescer
from jobgate.broker.records import Claim, ClaimedJob, JobResult, Lease, Transition
from jobgate.broker.scripts.loader import script
from jobgate.broker.waiting.wishes import OUTCOME_TTL_MS

_STALE = 0
#: What finish.lua answers.
_FINISHED = (Transition.STALE, Transition.DONE, Transition.WANTED, Transition.UNCONFIRMED)
#: The same of a stale call whose earlier answer was lost.
_UNCONFIRMED = 3
#: What claim.lua answers in place of the next due time.
_PAUSED = -2
#: Values that claim.lua answers for each job.
_FIELDS = 8


@dataclass(slots=True)
class _Ending:
    lease: Lease
    keep_ms: int
    blob: bytes
    #: What is left of it for some seconds where its result is not kept.
    note: str


class Leasing:
    """Takes jobs and gives them back; finishes of one turn of the event loop share a script call."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._endings: Coalescer[_Ending, int] = Coalescer(
            self._send, group=lambda ending: ending.lease.queue, weight=lambda ending: len(ending.blob)
        )

    async def claim(
        self, queue: str, limit: int, *, worker_id: str, token: str, lease: float, page: int
    ) -> Claim:
        """Take up to `limit` due jobs; see `Broker.claim`."""
        keys = self._core.keys
        queue = keys.queue(queue)
        leased_until = time.monotonic() + lease  # it begins when Redis gets to it, not before this
        now_ms, next_due_ms, *fields = await self._core.link.run(
            script("claim"),
            [queue, keys.wake(queue), keys.abort, keys.claim(queue, worker_id), keys.paused(queue)],
            [
                keys.job(""), keys.in_progress(""), keys.retry(""),
                token, limit, to_ms(lease), BODY_TTL_MS, page, keys.result(""), keys.suspect(""),
            ],
            repeat=False,
        )  # fmt: skip
        return Claim(
            jobs=list(_claimed(fields, queue, token, now_ms, leased_until, self._core.data_set.known)),
            next_due_in=None if next_due_ms < 0 else max(next_due_ms - now_ms, 0) / 1000,
            now_ms=now_ms,
            is_paused=next_due_ms == _PAUSED,
        )

    async def finish(
        self, lease: Lease, result: JobResult, *, keep: float | None, is_wanted: bool
    ) -> Transition:
        """End a job; see `Broker.finish`."""
        kept_ms = keep_ms(keep)
        blob = encode_result(result, self._core.codec) if kept_ms or is_wanted else b""
        note = "" if kept_ms else note_of(result)
        return _FINISHED[await self._endings.submit(_Ending(lease, kept_ms, blob, note))]

    async def retry(
        self, lease: Lease, *, defer: float | None, score_ms: int, tries: int | None
    ) -> Transition:
        """Give a job back for another try; see `Broker.retry`."""
        keys = self._core.keys
        answer, is_in_doubt = await self._core.link.run_in_doubt(
            script("retry"),
            [
                lease.queue,
                keys.wake(lease.queue),
                keys.job(lease.job_id),
                keys.in_progress(lease.job_id),
                keys.retry(lease.job_id),
            ],
            [
                lease.job_id,
                lease.token,
                lease.tries,
                "" if defer is None else to_ms(defer),
                score_ms,
                BODY_TTL_MS,
                lease.tries if tries is None else tries,
            ],
        )
        return _FINISHED[_known(answer, is_in_doubt)]

    async def release(self, claimed: Sequence[ClaimedJob]) -> None:
        """Give jobs back as if never claimed; see `Broker.release`."""
        keys = self._core.keys
        for queue, jobs in by_queue(claimed, lambda job: job.lease.queue).items():
            await self._core.link.run(script("release"), [queue, keys.wake(queue)], release_args(keys, jobs))

    async def note_begun(self, lease: Lease, *, is_alone: bool) -> Transition:
        """Note how a suspect begins; see `Broker.note_begun`."""
        keys = [self._core.keys.suspect(lease.job_id), self._core.keys.in_progress(lease.job_id)]
        answer = await self._core.link.run(script("begin"), keys, [lease.token, 2 if is_alone else 1])
        return Transition.STALE if answer == _STALE else Transition.DONE

    async def drain(self) -> None:
        """Wait for everything under way."""
        await self._endings.drain()

    async def _send(self, endings: Sequence[_Ending], since: float) -> Sequence[int]:
        keys, queue = self._core.keys, endings[0].lease.queue
        args: list[Any] = [keys.job(""), keys.result(""), keys.in_progress(""), keys.retry("")]
        args += [keys.progress(queue, ""), keys.ended(""), ENDED_TTL_MS]
        args += [keys.wanted(""), keys.outcome(""), OUTCOME_TTL_MS, keys.suspect("")]
        for ending in endings:
            lease = ending.lease
            args += [lease.job_id, lease.token, lease.tries, ending.keep_ms, ending.blob, ending.note]
        answers, is_in_doubt = await self._core.link.run_in_doubt(
            script("finish"), [queue, keys.abort], args, since=since
        )
        return [_known(answer, is_in_doubt) for answer in answers]


def _known(answer: int, is_in_doubt: bool) -> int:
    """What an answer proves: "stale" says nothing of an earlier call whose answer was lost."""
    return _UNCONFIRMED if is_in_doubt and answer == _STALE else answer


def release_args(keys: Keys, claimed: Sequence[ClaimedJob]) -> list[Any]:
    """Return the arguments of release.lua for jobs of one queue."""
    args: list[Any] = [keys.job(""), keys.in_progress(""), keys.retry("")]
    for job in claimed:
        lease = job.lease
        args += [lease.job_id, lease.token, lease.tries, job.score_ms]
        args += [lease.tries - 1 - job.idle_tries, job.body_expires_ms or ""]
    return args


def _claimed(
    fields: Sequence[Any],
    queue: str,
    token: str,
    now_ms: int,
    leased_until: float,
    data_set: str | None,
) -> Iterator[ClaimedJob]:
    for at in range(0, len(fields), _FIELDS):
        job_id, tries, score_ms, body, mark, left_ms, crashes, uncounted = fields[at : at + _FIELDS]
        yield ClaimedJob(
            lease=Lease(
                job_id=job_id.decode(errors="surrogateescape"), queue=queue, token=token, tries=tries
            ),
            score_ms=score_ms,
            body=body,
            abort_mark_ms=None if mark is None else ms_of(mark),
            body_expires_ms=now_ms + left_ms if left_ms >= 0 else None,
            leased_until=leased_until,
            crashes=crashes,
            uncounted_tries=uncounted,
            data_set=data_set,
        )
