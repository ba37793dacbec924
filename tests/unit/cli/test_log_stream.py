"""Lines of the log that may wait are written a little later, in their order."""

import asyncio
import io
import json
import logging
import os
import warnings

import pytest

from harness.systems.runs import running_job
from jobgate.broker import PatientRecord
from jobgate.cli.log_lines import JsonLines, TextLines
from jobgate.cli.log_stream import LogStream
from jobgate.worker import Settings
from jobgate.worker.jobs import Outcome, OutcomeKind
from jobgate.worker.vitals import JobLog


class Written(io.StringIO):
    """A stream that counts calls."""

    calls = 0

    def write(self, text: str) -> int:
        self.calls += bool(text)
        return super().write(text)


def log(stream: LogStream, text: str, *, may_wait: bool = False) -> None:
    kind = PatientRecord if may_wait else logging.LogRecord
    stream.handle(kind("jobgate", logging.INFO, "file", 1, text, (), None))


async def test_lines_that_may_wait_are_written_with_the_next_line_or_after_the_turn() -> None:
    stream = LogStream(written := Written())
    log(stream, "a", may_wait=True)
    log(stream, "b", may_wait=True)
    assert written.getvalue() == ""
    log(stream, "c")
    assert (written.getvalue(), written.calls) == ("a\nb\nc\n", 1)
    log(stream, "d", may_wait=True)
    await asyncio.sleep(0)
    assert written.getvalue() == "a\nb\nc\nd\n"
    log(stream, "e", may_wait=True)
    logging.shutdown([lambda: stream])
    assert written.getvalue() == "a\nb\nc\nd\ne\n"


async def test_long_lines_are_not_written_together() -> None:
    stream = LogStream(written := Written())
    for _ in range(3):
        log(stream, "a" * 1_000, may_wait=True)
    await asyncio.sleep(0)
    assert (len(written.getvalue()), written.calls) == (3_003, 2)


async def test_a_forked_process_does_not_write_waiting_lines_again() -> None:
    stream = LogStream(written := Written())
    log(stream, "a", may_wait=True)
    with warnings.catch_warnings(action="ignore"):  # other threads run in the process of the tests
        child = os.fork()
    if child == 0:
        os._exit(len(stream._waiting))
    assert os.waitpid(child, 0)[1] == 0  # noqa: ASYNC222 - it ends at once
    assert written.getvalue() == "a\n"


def test_no_line_waits_without_a_loop_or_for_one_that_has_ended() -> None:
    async def end() -> None:
        log(stream, "in a loop", may_wait=True)

    stream = LogStream(written := Written())
    log(stream, "outside", may_wait=True)
    assert written.getvalue() == "outside\n"
    for _ in range(2):
        asyncio.run(end())
    assert written.getvalue() == "outside\nin a loop\nin a loop\n"


async def test_a_stream_that_fails_harms_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    stream = LogStream(closed := io.StringIO())
    log(stream, "a", may_wait=True)
    closed.close()
    await asyncio.sleep(0)
    log(stream, "b")
    assert capsys.readouterr().err.count("Logging error") == 2


def test_where_standard_error_is_closed_lines_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    stream = LogStream(None)  # type: ignore[arg-type]  # as the command passes it on
    log(stream, "a")
    logging.shutdown([lambda: stream])


def command_log(monkeypatch: pytest.MonkeyPatch) -> LogStream:
    """Make the log of a command the only handler of jobgate's loggers, without pytest's own."""
    stream, logger = LogStream(Written()), logging.getLogger("jobgate")
    stream.setFormatter(TextLines("2"))
    monkeypatch.setattr(logger, "handlers", [stream])
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.manager._clear_cache()  # type: ignore[attr-defined]
    return stream


def lines_of_a_job(stream: LogStream) -> list[str]:
    log, one = JobLog(Settings()), running_job("id", "add")
    log.job_started(one, 0.0)
    log.outcome_written(one, Outcome(OutcomeKind.SUCCESS, value="a\n"), 0.5)
    assert isinstance(stream.stream, Written)
    return [line[24:] for line in stream.stream.getvalue().splitlines()]


SHOWN = [
    "INFO jobgate.worker[2]:   0.00s → id:add(1, 'two', x=3)",
    "INFO jobgate.worker[2]:   0.50s ← id:add ● 'a\\n'",
]


def test_lines_of_jobs_need_no_records_if_nobody_else_sees_them(monkeypatch: pytest.MonkeyPatch) -> None:
    log = command_log(monkeypatch)
    monkeypatch.setattr(log, "emit", pytest.fail)
    assert lines_of_a_job(log) == SHOWN


def test_lines_of_json_are_the_same_without_records(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[list[dict[str, object]]] = []
    for has_filter in (False, True):
        log = command_log(monkeypatch)
        log.setFormatter(JsonLines(worker_process=2))
        if has_filter:
            log.addFilter(bool)
        lines_of_a_job(log)
        assert isinstance(log.stream, Written)
        lines.append([json.loads(line) for line in log.stream.getvalue().splitlines()])
    for line in (*lines[0], *lines[1]):
        line.pop("time")
    assert lines[0] == lines[1]
    assert lines[0][1]["outcome"] == "success"


PLACES = [
    "its logger",
    "a logger above",
    "a filter of the logger",
    "a filter in place of its own",
    "all loggers",
]


@pytest.mark.parametrize("place", [*PLACES, "a filter here"])
def test_whoever_wants_their_records_gets_them(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    log = command_log(monkeypatch)
    seen: list[logging.LogRecord] = []

    def look(record: logging.LogRecord) -> bool:
        seen.append(record)
        return True

    other, logger = logging.Handler(), logging.getLogger("jobgate.worker")
    monkeypatch.setattr(other, "emit", seen.append)
    match place:
        case "its logger":
            monkeypatch.setattr(logger, "handlers", [other])
        case "a logger above":
            monkeypatch.setattr(logging.getLogger("jobgate"), "handlers", [log, other])
        case "a filter of the logger":
            monkeypatch.setattr(logger, "filters", [*logger.filters, look])
        case "a filter in place of its own":
            monkeypatch.setattr(logger, "filters", [look])
        case "all loggers":  # as tools for monitoring do
            usual = logging.Logger.callHandlers
            monkeypatch.setattr(logging.Logger, "callHandlers", lambda *on: look(on[1]) and usual(*on))
        case _:
            log.addFilter(look)
    assert lines_of_a_job(log) == SHOWN
    assert [vars(record)["job_id"] for record in seen] == ["id", "id"]
