"""What the gateway shows: jobs and their values as JSON, metrics, and a log that nobody floods."""

import json
import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from jobgate.broker import (
    Failure,
    JobResult,
    QueueDepth,
)
from jobgate.gateway.handlers.presentation import moment, outcome, to_json
from jobgate.gateway.http.problems import Problem
from jobgate.gateway.http.quiet_log import SparseLog
from jobgate.gateway.metrics import Meter


def test_metrics_count_and_bound_their_labels() -> None:
    meter = Meter()
    meter.request("enqueue", 202, 0.0005)
    meter.request("enqueue", 202, 0.002)
    meter.request("result", 200, 100.0)
    for number in range(1000):
        meter.enqueued(f"made_up_{number}", frozenset({"known"}), "arq:queue")
    meter.enqueued("known", frozenset({"known"}), "arq:queue")
    depth = QueueDepth(
        queue="arq:queue",
        queued=3,
        deferred=2,
        in_progress=1,
        oldest_due_age=1.5,
        workers=4,
        has_health_line=True,
    )
    text = meter.exposition([depth], waits=7).decode()
    for line in (
        'jobgate_gateway_requests_total{route="enqueue",status="202"} 2.0',
        'jobgate_gateway_request_duration_seconds_bucket{le="0.001",route="enqueue"} 1.0',
        'jobgate_gateway_request_duration_seconds_bucket{le="0.0025",route="enqueue"} 2.0',
        'jobgate_gateway_request_duration_seconds_bucket{le="60.0",route="result"} 0.0',
        'jobgate_gateway_request_duration_seconds_bucket{le="+Inf",route="result"} 1.0',
        'jobgate_gateway_request_duration_seconds_sum{route="result"} 100.0',
        'jobgate_gateway_enqueued_total{function="other"} 1000.0',
        'jobgate_gateway_enqueued_total{function="known"} 1.0',
        "jobgate_gateway_waits_in_flight 7.0",
        "jobgate_gateway_redis_up 1.0",
        'jobgate_gateway_queue_depth{queue="arq:queue",state="deferred"} 2.0',
        'jobgate_gateway_oldest_due_age_seconds{queue="arq:queue"} 1.5',
        'jobgate_gateway_live_workers{queue="arq:queue"} 4.0',
        'jobgate_gateway_health_line{queue="arq:queue"} 1.0',
    ):
        assert line in text.splitlines()
    assert "made_up" not in text


def test_metrics_without_redis() -> None:
    text = Meter().exposition(None, waits=0).decode()
    assert "jobgate_gateway_redis_up 0.0" in text
    assert "queue=" not in text


def test_moments_are_utc_with_milliseconds() -> None:
    assert moment(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"\x00\xff", "AP8="),
        (
            {
                1,
            },
            [1],
        ),
        ((1, 2), [1, 2]),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
        (2**70, 2**70),
        (Decimal("1.50"), "1.50"),
        (datetime(2020, 1, 1, tzinfo=UTC), "2020-01-01T00:00:00Z"),
        ("\ud800", "\ud800"),
        (float("nan"), None),
        ({(1, 2): 3, "big": 2**80}, {"(1, 2)": 3, "big": 2**80}),
    ],
)
def test_values_that_json_does_not_know(value: Any, shown: Any) -> None:
    assert json.loads(to_json({"v": value}, limit=1000)) == {"v": shown}


def test_values_that_cannot_be_shown() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in (endless, "x" * 1000):
        with pytest.raises(Problem) as caught:
            to_json(value, limit=100)
        assert caught.value.kind.status == 410


def test_tracebacks_are_for_those_who_inspect() -> None:
    result = JobResult(
        job_id="j",
        function="f",
        args=(),
        kwargs={},
        tries=1,
        success=False,
        failure=Failure(type="ValueError", message="no", traceback="Traceback: /srv/app.py"),
        enqueue_time_ms=0,
        start_time_ms=0,
        finish_time_ms=0,
        queue="q",
    )
    assert outcome(result, inspects=False)["error"] == {
        "type": "ValueError",
        "message": "no",
        "code": "error",
    }
    assert outcome(result, inspects=True)["error"]["traceback"] == "Traceback: /srv/app.py"


def test_scanners_and_outages_do_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log = SparseLog(logging.getLogger("jobgate.gateway"), limit=3)
    with caplog.at_level("WARNING"):
        for _ in range(1000):
            log.line("malformed request from %s: %s", "127.0.0.1", "BadStatusLine")
    assert 3 <= len(caplog.records) <= 6  # the second may have changed in between
    assert "malformed request from 127.0.0.1: BadStatusLine" in caplog.text
