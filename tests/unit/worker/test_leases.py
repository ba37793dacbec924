"""Which leases the renewal thread renews, and what the answers do to jobs that have gone on meanwhile."""

import asyncio
import math
import queue
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from harness.systems.runs import shared_of
from harness.waiting import eventually_async
from jobgate.broker import BrokerUnavailable, ClaimedJob, JobBody, Lease, Renewal
from jobgate.worker.functions.resolved import RunLimits
from jobgate.worker.jobs import Phase, RunningJob, Stop
from jobgate.worker.vitals import LeaseKeeper, Liveness, LoopWatch, Pulse

PATIENCE = 30
LIMITS = RunLimits(timeout=60, max_tries=3, keep=1)


class HeldBack:
    """A broker and its renewer, whose answers wait for the test."""

    def __init__(self) -> None:
        self.asked: queue.Queue[list[str]] = queue.Queue()
        self.answers: queue.Queue[Renewal] = queue.Queue()
        #: Jobs whose release was refused.
        self.refused: queue.Queue[list[str]] = queue.Queue()

    def lease_renewer(self, lease: float) -> "HeldBack":
        return self

    def renew(self, leases: Sequence[Lease], *, lease: float) -> Renewal:
        self.asked.put(sorted(one.job_id for one in leases))
        return self.answers.get(timeout=PATIENCE)

    def release(self, claimed: Sequence[ClaimedJob]) -> None:
        self.refused.put([one.lease.job_id for one in claimed])
        raise BrokerUnavailable

    def reclaim(self, claimed: ClaimedJob, *, lease: float) -> bool:
        return False  # another worker runs it

    def close(self) -> None: ...

    def answer(self, *lost: str, aborts: Mapping[str, int] | None = None) -> None:
        self.answers.put(Renewal(lost=lost, aborts=aborts or {}))


class Keeping:
    """A lease keeper with a few jobs, and what it has stopped."""

    def __init__(self) -> None:
        self.renewer = HeldBack()
        shared = shared_of(self.renewer, lease=1000)
        self.jobs = shared.jobs
        self.stopped: asyncio.Queue[tuple[str, Stop]] = asyncio.Queue()
        self.pulse = pulse = Pulse()
        pulse.last_beat = math.inf  # however slow this machine is, the loop is not blocked
        self.keeper = LeaseKeeper(
            shared,
            liveness=Liveness(pulse),
            watch=LoopWatch(pulse, self.jobs),
            on_stop=lambda job, reason: self.stopped.put_nowait((job.job_id, reason)),
            on_wedged=lambda job: None,
        )

    def add(self, job_id: str) -> RunningJob:
        job = RunningJob(claimed(job_id, "w:1"), LIMITS)
        job.body = JobBody(function="f", args=(), kwargs={}, enqueue_time_ms=0)
        self.jobs.add(job)
        return job

    async def renewed(self) -> list[str]:
        """Begin a renewal; return whose leases are in it."""
        self.keeper.nudge()
        return await asyncio.to_thread(self.renewer.asked.get, timeout=PATIENCE)


def claimed(job_id: str, token: str, leased_until: float = math.inf) -> ClaimedJob:
    lease = Lease(job_id=job_id, queue="q", token=token, tries=1)
    return ClaimedJob(lease=lease, score_ms=0, body=b"body", leased_until=leased_until)


@asynccontextmanager
async def keeping() -> AsyncIterator[Keeping]:
    made = Keeping()
    await made.keeper.start()
    try:
        yield made
    finally:
        made.renewer.answer()
        await made.keeper.stop()


async def test_the_lease_of_a_job_is_renewed_until_its_time_is_over() -> None:
    async with keeping() as made:
        claimed_only, running, ending, overdue, unwritten = map(made.add, "abcde")
        for job in (running, overdue):
            job.enter_running()
        for job in (ending, unwritten):
            made.jobs.ending(job)
        for job in (claimed_only, overdue, unwritten):
            job.renew_until = time.monotonic() - 1
        assert await made.renewed() == ["a", "b", "c"], "one that has not begun cannot be overdue"


@pytest.mark.parametrize("reason", [Stop.LOST, Stop.ABORT])
async def test_the_answer_to_a_renewal_is_about_the_leases_that_were_in_it(reason: Stop) -> None:
    """While it is on its way one of the jobs goes on under the lease of a later claim."""
    async with keeping() as made:
        goes_on, other = map(made.add, "ab")
        for job in (goes_on, other):
            job.enter_running()
        assert await made.renewed() == ["a", "b"]
        assert goes_on.take_over(claimed("a", "w:2", leased_until=5.0))
        if reason is Stop.LOST:
            made.renewer.answer("a", "b")
        else:
            made.renewer.answer(aborts={"a": 1, "b": 1})
        async with asyncio.timeout(PATIENCE):
            assert await made.stopped.get() == ("b", reason)
        assert made.stopped.empty()
        assert goes_on.lease_until == 5.0, "the new lease was not renewed"
        assert (other.lease_until == math.inf) == (reason is Stop.LOST)
        assert made.renewer.refused.empty(), "the loop does not stand still"


async def test_a_mark_that_was_set_before_its_job_was_enqueued_aborts_nothing() -> None:
    async with keeping() as made:
        for job in map(made.add, "ab"):
            job.body = JobBody(function="f", args=(), kwargs={}, enqueue_time_ms=1000)
            job.enter_running()
        assert await made.renewed() == ["a", "b"]
        made.renewer.answer(aborts={"a": 999, "b": 1000})
        async with asyncio.timeout(PATIENCE):
            assert await made.stopped.get() == ("b", Stop.ABORT)
        assert made.stopped.empty()


async def test_jobs_that_cannot_be_given_back_may_still_begin() -> None:
    async with keeping() as made:
        job = made.add("a")
        made.pulse.last_beat = 0.0  # the loop stands still
        assert await asyncio.to_thread(made.renewer.refused.get, timeout=PATIENCE) == ["a"]
        made.pulse.last_beat = math.inf

        async def is_back() -> bool:
            return job.phase is Phase.CLAIMED

        await eventually_async(is_back, what="the job among those that have not begun")
        assert made.jobs.begin(job)
        assert job.lease_until == 0.0, "others may have it: it is renewed before it begins"
