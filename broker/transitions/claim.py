"""The transition *claim*: a worker takes due jobs."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from jobgate.broker.bodies import MOST_TRIES_KEPT
from jobgate.broker.link import TRUSTED_FOR
from jobgate.broker.milliseconds import BODY_TTL_MS, DEFAULT_LEASE, ms_of, to_ms
from jobgate.broker.part import Core, Part
from jobgate.broker.records import JobBody
from jobgate.broker.scripts import script
from jobgate.broker.transitions.leases import Claim, ClaimedJob, Lease, Transition

#: What claim.lua returns in place of the next due time.
_PAUSED, _TOO_LATE = -2, -3
#: Values that claim.lua returns for each job.
_FIELDS = 8


class _Names(NamedTuple):
    """What claim.lua gets with each claim of one worker from one queue: its keys, and names in its ARGV."""

    places: Sequence[str]
    prefixes: Sequence[str]
    more: Sequence[str]


class ClaimPart(Part):
    """Claims jobs (claim.lua), and notes how suspects begin (begin.lua)."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._names: dict[tuple[str, str], _Names] = {}

    async def claim(
        self, queue: str, limit: int, *, worker_id: str, token: str, lease: float = DEFAULT_LEASE,
        page: int = 100, poll: float | None = None, woken_ms: int | None = None,
    ) -> Claim:  # fmt: skip
        """Take up to `limit` due jobs of a queue and hold a lease on each.

        This is the one transition that the broker never repeats by itself.

        Args:
            queue: Name of the queue.
            limit: At least 1.
            worker_id: The worker that claims; contains no colon.
            token: Made by `claim_token`, a new one for each claim. If the answer was lost (WriteInDoubt),
                call again with the same token: it returns the same jobs and counts no try twice.
            lease: Seconds that the leases last.
            page: How many ids Redis reads at a time when it has to skip jobs that run elsewhere.
            poll: Seconds until this worker claims again by itself; None = always, whether or not another idle
                worker does (see `Claim.polls`).
            woken_ms: What `wait_for_work` returned just now. It proves that the server is in use, so that a
                connection that has been silent need not be replaced first.
        """
        names = self._names.get((queue, worker_id)) or self._named(queue, worker_id)
        queue = names.places[0]
        leased_until = time.monotonic() + lease  # Redis starts the lease later than this, never earlier
        arguments = [
            *names.prefixes, token, limit, to_ms(lease), BODY_TTL_MS, page, *names.more, MOST_TRIES_KEPT,
            "" if poll is None else to_ms(poll),
        ]  # fmt: skip
        now_ms, next_due_ms, polls, *fields = await self._run(names.places, arguments, woken_ms)
        return Claim(
            jobs=list(_claimed(fields, queue, token, now_ms, leased_until, self._core.data_set.known)),
            next_due_in=None if next_due_ms < 0 else max(next_due_ms - now_ms, 0) / 1000,
            now_ms=now_ms,
            is_paused=next_due_ms == _PAUSED,
            polls=polls == 1,
        )

    def _named(self, queue: str, worker_id: str) -> "_Names":
        keys, asked = self.keys, queue
        queue = keys.queue(queue)
        names = self._names[asked, worker_id] = _Names(
            places=(
                queue, keys.wake(queue), keys.abort, keys.claim(queue, worker_id), keys.paused(queue),
                keys.listeners(queue), keys.poller(queue),
            ),
            prefixes=(keys.job(""), keys.in_progress(""), keys.retry("")),
            more=(keys.result(""), keys.suspect(""), keys.job_channel(queue), keys.tries("")),
        )  # fmt: skip
        return names

    async def _run(self, keys: Sequence[str], arguments: Sequence[Any], woken_ms: int | None) -> Any:
        if woken_ms is not None:
            until = woken_ms + to_ms(TRUSTED_FOR)
            answer = await self._core.link.run(
                script("claim"), keys, [*arguments, until], repeat=False, is_vouched=True
            )
            if answer[1] != _TOO_LATE:
                return answer
        return await self._core.link.run(script("claim"), keys, [*arguments, ""], repeat=False)

    async def resign(self, queues: Iterable[str], *, worker_id: str) -> None:
        """Let another idle worker look for jobs that wake nobody, if this one does so far.

        Args:
            queues: Names of queues.
            worker_id: The worker that stops, or has no room.
        """
        places = [key for queue in queues for key in (self.keys.poller(queue), self.keys.wake(queue))]
        await self._core.link.run(script("resign"), places, [worker_id], is_hint=True)

    async def note_begun(self, lease: Lease, *, is_alone: bool) -> Transition:
        """Note that a suspect (see `ClaimedJob.crashes`) starts; returns DONE or STALE.

        Args:
            lease: As claimed.
            is_alone: Whether no other job runs in the worker: then its try counts if the worker dies.
        """
        keys = [self.keys.suspect(lease.job_id), self.keys.in_progress(lease.job_id)]
        is_done = await self._core.link.run(script("begin"), keys, [lease.token, 2 if is_alone else 1])
        return Transition.DONE if is_done else Transition.STALE

    def decode_job(self, blob: bytes) -> JobBody:
        """Read the body of a claimed job. Raises DecodeError."""
        return self._core.decoder.job_at_once(blob)


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
