"""The lines of a worker's log, and the labels of its metrics."""

import asyncio
import logging
from typing import Any

import pytest

from harness.systems.runs import running_job
from jobgate.broker import WriteInDoubt
from jobgate.worker import Settings, func
from jobgate.worker.cron_jobs import Skip
from jobgate.worker.jobs import Observers, Outcome, OutcomeKind
from jobgate.worker.log import logger
from jobgate.worker.vitals import JobLog, WorkerMetrics


def test_one_line_tells_the_fate(caplog: pytest.LogCaptureFixture) -> None:
    log, one = JobLog(Settings()), running_job("id\n", "add")
    with caplog.at_level(logging.INFO, "jobgate.worker"):
        log.job_started(one, 2.0)
        log.outcome_written(one, Outcome(OutcomeKind.SUCCESS, value=3), 0.5)
        log.outcome_written(one, Outcome(OutcomeKind.RETRY, defer=2.0), 0.5)
        log.outcome_written(one, Outcome(OutcomeKind.RELEASE), 0.5)
        log.outcome_written(one, Outcome(OutcomeKind.LOST), 0.5)
    assert [record.getMessage().strip() for record in caplog.records] == [
        "2.00s → id\\n:add(1, 'two', x=3) delayed=2.00s",
        "0.50s ← id\\n:add ● 3",
        "0.50s ↻ id\\n:add retrying job in 2.00s",
        "0.50s ↻ id\\n:add cancelled, will be run again",
        "0.50s ! id\\n:add lost its lease, runs elsewhere",
    ]


def test_one_line_says_why_a_job_has_no_outcome_yet(caplog: pytest.LogCaptureFixture) -> None:
    log, one = JobLog(Settings()), running_job("id", "add")
    with caplog.at_level(logging.INFO, "jobgate.worker"):
        log.outcome_delayed(one, WriteInDoubt())
        log.job_left(one, "runs in a thread: ends with this process, will be run again")
        log.suspect_begun(one, True)
    assert [record.getMessage() for record in caplog.records] == [
        "job id:add: outcome not written yet, still retrying: Redis has not answered in time",
        "↻ id:add runs in a thread: ends with this process, will be run again",
        "job id was in flight when its worker died, 0 times in a row: it now runs apart from others",
    ]


def test_arguments_are_kept_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log, one = JobLog(Settings(log_arguments=False)), running_job("id", "add")
    with caplog.at_level(logging.INFO, "jobgate.worker"):
        log.job_started(one, 0.0)
    assert [record.getMessage().strip() for record in caplog.records] == ["0.00s → id:add(…)"]


async def test_records_have_all_that_those_of_logging_have(caplog: pytest.LogCaptureFixture) -> None:
    log, one = JobLog(Settings()), running_job("id", "add")

    async def start_and_end() -> None:
        log.job_started(one, 0.0)
        log.outcome_written(one, Outcome(OutcomeKind.SUCCESS), 0.5)

    with caplog.at_level(logging.INFO, "jobgate.worker"):
        await asyncio.create_task(start_and_end())
        caplog.clear()
        log.job_started(one, 0.0)
        log.outcome_written(one, Outcome(OutcomeKind.SUCCESS), 0.5)
        logger.info("x", extra={"job_id": "id", "function": "add", "job_try": 1, "queue": "q"})
    started, ended, usual = map(vars, caplog.records)
    assert started.keys() == usual.keys()
    assert ended.keys() == {*usual, "outcome", "seconds"}
    differing = {name for name in usual if started[name] != usual[name]}
    own = {"msg", "message", "args", "pathname", "filename", "module", "lineno", "funcName"}
    assert differing - {"created", "msecs", "relativeCreated"} == own
    assert (started["funcName"], ended["funcName"]) == ("job_started", "outcome_written")
    assert all(0 <= usual[name] - started[name] < 60_000 for name in ("created", "relativeCreated"))
    assert abs(started["created"] % 1 * 1000 - started["msecs"]) <= 1


def test_records_come_from_the_factory_that_the_user_has_set(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(logging.LogRecord):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.site = "Ulm"

    log, one = JobLog(Settings()), running_job("id", "add")
    monkeypatch.setattr(logging, "_logRecordFactory", Own)
    with caplog.at_level(logging.INFO, "jobgate.worker"):
        log.job_started(one, 0.0)
    assert [(record.getMessage().strip(), vars(record)["site"]) for record in caplog.records] == [
        ("0.00s → id:add(1, 'two', x=3)", "Ulm")
    ]


def test_labels_hold_only_names_of_own_functions() -> None:
    async def add(ctx: dict[str, Any]) -> None: ...

    functions = Settings.of([func(add, name="add")]).resolved()
    metrics = WorkerMetrics(functions, max_jobs=1)
    for name in ("add", "evil\n", "x" * 999):
        one = running_job(function=name)
        one.function = functions.get(name)
        metrics.outcome_written(one, Outcome(OutcomeKind.SUCCESS), 0.1)
    text = metrics.exposition().decode()
    assert 'jobgate_worker_jobs_total{function="add",outcome="success"} 1.0' in text
    assert 'jobgate_worker_jobs_total{function="other",outcome="success"} 2.0' in text
    assert "evil" not in text


def test_skipped_runs_of_cron_jobs_are_counted() -> None:
    metrics = WorkerMetrics([], max_jobs=1, cron_jobs=["daily"])
    Observers(metrics).cron_skipped("daily", Skip.MISSED, 3)
    assert (
        'jobgate_worker_cron_skipped_total{function="daily",reason="missed"} 3.0'
        in metrics.exposition().decode()
    )
