"""The small parts of a worker: its set of jobs, its signs of life, its log lines, its metrics."""

import asyncio
import logging
import re
import time
from typing import Any

import pytest

from jobgate.broker import ClaimedJob, JobBody, Lease
from jobgate.worker import Settings, func
from jobgate.worker.functions.resolved import Limits
from jobgate.worker.jobs import Kind, Outcome, RunningJob, RunningJobs, Stop
from jobgate.worker.jobs.running_job import GRACE
from jobgate.worker.vitals import JobLog, Liveness, Pulse, WorkerMetrics
from jobgate.worker.vitals.liveness import CLAIM_STALL, LOOP_STALL

LIMITS = Limits(timeout=5, max_tries=3, keep=1)


def claimed(job_id: str = "j", body: bytes | None = None) -> ClaimedJob:
    return ClaimedJob(lease=Lease(job_id=job_id, queue="q", token="w:1", tries=1), score_ms=0, body=body)


def job(job_id: str = "j", function: str = "add") -> RunningJob:
    made = RunningJob(claimed(job_id), LIMITS)
    made.body = JobBody(function=function, args=(1, "two"), kwargs={"x": 3}, enqueue_time_ms=0)
    return made


async def hang() -> None:
    await asyncio.Event().wait()


async def test_only_a_running_job_is_cancelled() -> None:
    one = job()
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
    one = job()
    one.enter_ending()
    one.stop(Stop.TIMEOUT)
    assert one.stop_reason is None


def test_shutdown_does_not_cancel_a_function_in_a_thread() -> None:
    def plain(ctx: dict[str, Any]) -> None: ...

    one = job()
    [one.function] = Settings.of([plain]).resolved().values()
    assert one.function.in_thread
    one.enter_running()
    one.stop(Stop.SHUTDOWN)
    assert one.stop_reason is Stop.SHUTDOWN


def test_a_lease_is_renewed_until_the_jobs_deadline_and_a_little_more() -> None:
    one = job()
    one.enter_running()
    assert one.renew_until == one.deadline + GRACE == one.started + 5 + GRACE
    one.enter_ending()
    assert one.renew_until > one.started + 50, "and on while its outcome cannot be written"


async def test_room_counts_functions_that_run_and_bounds_outcomes_under_way() -> None:
    jobs = RunningJobs(2)
    one, two, three, four = (job(name) for name in "abcd")
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
    one, two = job("a"), job("b")
    jobs.add(one)
    jobs.add(two)
    one.is_written = True
    jobs.ending(one)
    assert (jobs.in_progress, jobs.free) == (1, 1)
    assert jobs.take_over(job("a").claimed)
    assert (jobs.in_progress, jobs.free) == (1, 0), "else a further claim would bring more than max_jobs"
    assert jobs.free_id(one) is not None
    jobs.add(job("a"))
    jobs.discard(one)
    assert (jobs.in_progress, jobs.free) == (2, 0)


async def test_waiting_ends_with_the_last_job_or_in_a_hurry() -> None:
    jobs, hurry = RunningJobs(2), asyncio.Event()
    one = job()
    jobs.add(one)
    asyncio.get_running_loop().call_later(0.01, jobs.discard, one)
    assert await jobs.wait_empty(5, hurry)
    jobs.add(one)
    hurry.set()
    assert not await jobs.wait_empty(60, hurry)


def signs() -> tuple[Pulse, Liveness]:
    pulse = Pulse()
    liveness = Liveness(pulse)
    liveness.started()
    return pulse, liveness


def test_a_loop_that_stands_still_is_not_alive() -> None:
    pulse, liveness = signs()
    assert liveness.verdict().alive
    pulse.last_beat -= LOOP_STALL + 1
    assert not liveness.verdict().alive
    assert "has been blocked" in liveness.verdict().detail


def test_a_worker_that_does_not_claim_is_alive_but_not_consuming() -> None:
    _, liveness = signs()
    liveness.last_round -= CLAIM_STALL + 1
    assert not liveness.verdict().alive
    assert not liveness.consuming()
    liveness.round()
    assert liveness.verdict().alive


def test_redis_being_away_is_no_reason_for_a_restart_but_failing_claims_are() -> None:
    _, liveness = signs()
    liveness.last_claim -= 600
    liveness.last_contact -= 600
    liveness.round()
    assert liveness.verdict().alive
    liveness.contact()
    assert not liveness.verdict().alive
    liveness.claimed()
    assert liveness.verdict().alive


def test_a_stopping_worker_lives_and_does_not_consume() -> None:
    _, liveness = signs()
    liveness.stopping = True
    assert liveness.verdict().alive
    assert not liveness.consuming()


async def test_a_blocked_loop_is_told(caplog: pytest.LogCaptureFixture) -> None:
    pulse, _ = signs()
    pulse.start()
    pulse.last_beat = time.monotonic() - 3
    with caplog.at_level(logging.WARNING, "jobgate.worker"):
        pulse._beat()
    pulse.stop()
    assert re.search(r"blocked for [2-9]", caplog.text)


def test_one_line_tells_the_fate(caplog: pytest.LogCaptureFixture) -> None:
    log, one = JobLog(Settings()), job("id\n", "add")
    with caplog.at_level(logging.INFO, "jobgate.worker"):
        log.job_started(one, 2.0)
        log.outcome_written(one, Outcome(Kind.SUCCESS, value=3), 0.5)
        log.outcome_written(one, Outcome(Kind.RETRY, defer=2.0), 0.5)
        log.outcome_written(one, Outcome(Kind.RELEASE), 0.5)
        log.outcome_written(one, Outcome(Kind.LOST), 0.5)
    assert [record.getMessage().strip() for record in caplog.records] == [
        "2.00s → id\\n:add(1, 'two', x=3) delayed=2.00s",
        "0.50s ← id\\n:add ● 3",
        "0.50s ↻ id\\n:add retrying job in 2.00s",
        "0.50s ↻ id\\n:add cancelled, will be run again",
        "0.50s ! id\\n:add lost its lease, runs elsewhere",
    ]


def test_arguments_are_kept_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log, one = JobLog(Settings(log_arguments=False)), job("id", "add")
    with caplog.at_level(logging.INFO, "jobgate.worker"):
        log.job_started(one, 0.0)
    assert [record.getMessage().strip() for record in caplog.records] == ["0.00s → id:add(…)"]


def test_labels_hold_only_names_of_own_functions() -> None:
    async def add(ctx: dict[str, Any]) -> None: ...

    functions = Settings.of([func(add, name="add")]).resolved()
    metrics = WorkerMetrics(functions, max_jobs=1)
    for name in ("add", "evil\n", "x" * 999):
        one = job(function=name)
        one.function = functions.get(name)
        metrics.outcome_written(one, Outcome(Kind.SUCCESS), 0.1)
    text = metrics.exposition().decode()
    assert 'jobgate_worker_jobs_total{function="add",outcome="success"} 1.0' in text
    assert 'jobgate_worker_jobs_total{function="other",outcome="success"} 2.0' in text
    assert "evil" not in text
