"""Jobs that a worker holds: how they are stopped, their leases, and the room for more."""

import asyncio
from typing import Any

import pytest

from harness.systems.runs import running_job
from jobgate.worker import Settings
from jobgate.worker.jobs import RunningJobs, Stop
from jobgate.worker.jobs.running_job import CLEANUP
from jobgate.worker.vitals.liveness import Pulse
from jobgate.worker.vitals.own_vitals import own_vitals


async def hang() -> None:
    await asyncio.Event().wait()


async def test_only_a_running_job_is_cancelled() -> None:
    one = running_job()
    one.task = asyncio.create_task(hang())
    one.stop(Stop.ABORT)
    await asyncio.sleep(0)
    assert one.stop_reason is Stop.ABORT
    assert not one.task.cancelling()
    one.enter_running()
    one.stop(Stop.SHUTDOWN)
    assert one.stop_reason is Stop.ABORT, "the first reason stays"
    assert one.task.cancelling() == 1
    with pytest.raises(asyncio.CancelledError):
        await one.task


async def test_a_job_that_ends_is_left_in_peace() -> None:
    one = running_job()
    one.enter_ending()
    one.stop(Stop.TIMEOUT)
    assert one.stop_reason is None


def test_shutdown_does_not_cancel_a_function_in_a_thread() -> None:
    def plain(ctx: dict[str, Any]) -> None: ...

    one = running_job()
    [one.function] = Settings.of([plain]).resolved().values()
    assert one.function.in_thread
    one.enter_running()
    one.stop(Stop.SHUTDOWN)
    assert one.stop_reason is Stop.SHUTDOWN


def test_a_lease_is_renewed_until_the_jobs_deadline_and_a_little_more() -> None:
    one = running_job()
    one.enter_running()
    assert one.renew_until == one.deadline + CLEANUP == one.started + 5 + CLEANUP
    one.enter_ending()
    assert one.renew_until > one.started + 50, "and on while its outcome cannot be written"


async def test_room_counts_functions_that_run_and_bounds_outcomes_under_way() -> None:
    jobs = RunningJobs(2)
    one, two, three, four = (running_job(name) for name in "abcd")
    jobs.add(one)
    jobs.add(two)
    assert jobs.free == 0
    jobs.ending(one)
    assert jobs.free == 1
    jobs.add(three)
    jobs.ending(two)
    jobs.add(four)
    jobs.ending(three)
    jobs.ending(four)
    assert (len(jobs), jobs.free) == (4, 0)
    jobs.discard(one)
    assert jobs.free == 1
    for each in (two, three, four):
        jobs.discard(each)
    assert jobs.free == 2


async def test_the_next_try_of_a_job_that_ends_has_its_place_from_its_claim_on() -> None:
    jobs = RunningJobs(2)
    one, two = running_job("a"), running_job("b")
    jobs.add(one)
    jobs.add(two)
    one.is_written = True
    jobs.ending(one)
    assert (jobs.in_progress, jobs.free) == (1, 1)
    assert jobs.take_over(running_job("a").claimed)
    assert (jobs.in_progress, jobs.free) == (1, 0), "else a further claim would bring more than max_jobs"
    assert jobs.free_id(one) is not None
    jobs.add(running_job("a"))
    jobs.discard(one)
    assert (jobs.in_progress, jobs.free) == (2, 0)


def test_a_job_that_was_not_read_yet_is_counted_and_not_named() -> None:
    jobs = RunningJobs(3)
    read, claimed = running_job("a"), running_job("b")
    claimed.body = None
    jobs.add(read)
    jobs.add(claimed)
    vitals = own_vitals(jobs, Pulse())
    assert vitals.in_progress == 2
    assert [(each.job_id, each.function) for each in vitals.running] == [("a", "add")]


async def test_waiting_ends_with_the_last_job_or_in_a_hurry() -> None:
    jobs, hurry = RunningJobs(2), asyncio.Event()
    one = running_job()
    jobs.add(one)
    asyncio.get_running_loop().call_later(0.01, jobs.discard, one)
    assert await jobs.wait_empty(5, hurry)
    jobs.add(one)
    hurry.set()
    assert not await jobs.wait_empty(60, hurry)


async def test_the_end_of_a_function_is_noticed_before_its_outcome_is_written() -> None:
    jobs = RunningJobs(1)
    one = running_job()
    jobs.add(one)
    one.enter_running()
    waiting = asyncio.create_task(jobs.wait_change(300))
    await asyncio.sleep(0)
    jobs.ending(one)
    async with asyncio.timeout(30):
        await waiting
    assert jobs.free == 1


def test_a_job_that_is_discarded_while_it_is_undecided_is_not_put_back() -> None:
    jobs, kept, gone = RunningJobs(5), running_job("kept"), running_job("gone")
    for job in (kept, gone):
        jobs.add(job)
    assert set(jobs.take_not_begun()) == {kept, gone}
    assert jobs.is_undecided(kept)
    assert not jobs.begin(kept)
    jobs.discard(gone)
    jobs.put_back([kept, gone])
    assert not jobs.is_undecided(kept)
    assert jobs.begin(kept)
    assert jobs.take_not_begun() == []
