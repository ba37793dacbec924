"""Callers, routes, problems, metrics, waits and the JSON of records."""

import asyncio
import json
import logging
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobgate.broker import (
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    BrokerUnavailable,
    DecodeError,
    EncodeError,
    Failure,
    FailureCode,
    IdempotencyConflict,
    InvalidRequest,
    JobResult,
    NotAQueue,
    OutcomeUnknown,
    QueueDepth,
)
from jobgate.gateway.auth.callers import ANYBODY, Caller, new_key
from jobgate.gateway.auth.keys_file import KeysFile, read_keys
from jobgate.gateway.auth.wait_limit import Waits
from jobgate.gateway.handlers import broker_problem, openapi_json
from jobgate.gateway.handlers.presentation import moment, outcome, to_json
from jobgate.gateway.http.problems import KINDS, Problem
from jobgate.gateway.http.quiet_log import SparseLog
from jobgate.gateway.metrics import Meter
from jobgate.gateway.routes import ROUTES, Router
from jobgate.gateway.settings import KeysFileError

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = yaml.load((ROOT / "openapi.yaml").read_text(), yaml.CSafeLoader)


# --- routes and openapi.yaml


def test_openapi_and_routes_are_equal() -> None:
    described = {
        (method.upper(), path, operation["operationId"])
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
    }
    assert described == {(route.method, route.path, route.name) for route in ROUTES}


def test_openapi_and_problems_are_equal() -> None:
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == list(KINDS)


def test_openapi_names_all_failure_codes() -> None:
    failure = DOCUMENT["components"]["schemas"]["Failure"]
    assert failure["properties"]["code"]["enum"] == [code.value for code in FailureCode]


def test_openapi_json_is_the_same_document() -> None:
    assert json.loads(openapi_json()) == DOCUMENT


@pytest.mark.parametrize(
    ("method", "path", "name", "variable"),
    [
        ("POST", "/jobs/f", "enqueue", "f"),
        ("POST", "/jobs/a%3Ab", "enqueue", "a:b"),
        ("GET", "/jobs/x/status", "status", "x"),
        ("HEAD", "/jobs/x/result", "result", "x"),
        ("POST", "/jobs/x/abort", "abort", "x"),
        ("GET", "/livez", "livez", ""),
        ("GET", "/jobs/%2F..%2F/status", "status", "/../"),
    ],
)
def test_routes(method: str, path: str, name: str, variable: str) -> None:
    route, found = Router().find(method, path)
    assert (route.name, found) == (name, variable)


@pytest.mark.parametrize(
    "path", ["/", "", "/jobs/", "/jobs//status", "/jobs/f/", "/jobs/a/b/c", "/livez/", "*"]
)
def test_no_routes(path: str) -> None:
    with pytest.raises(Problem) as caught:
        Router().find("POST", path)
    assert caught.value.code == "not-found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", "/jobs/f", "POST"), ("DELETE", "/jobs/x/status", "GET, HEAD"), ("post", "/jobs/f", "POST")],
)
def test_other_methods_are_told_which_there_are(method: str, path: str, allow: str) -> None:
    with pytest.raises(Problem) as caught:
        Router().find(method, path)
    assert caught.value.code == "method-not-allowed"
    assert caught.value.headers == {"Allow": allow}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_whoever_looks_for_a_job_is_told_where_its_parts_are(method: str) -> None:
    with pytest.raises(Problem) as caught:
        Router().find(method, "/jobs/8f14e45f")
    assert caught.value.detail == (
        "Use POST (POST /jobs/<function> enqueues; of a job there are GET /jobs/<id>/status, "
        "GET /jobs/<id>/result and POST /jobs/<id>/abort)."
    )


# --- problems


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OutcomeUnknown(), 503, "outcome-unknown"),
        (BrokerUnavailable(), 503, "unavailable"),
        (BrokerFull(), 503, "queue-full"),
        (BrokerMisconfigured("WRONGPASS at 10.0.0.1"), 503, "misconfigured"),
        (NotAQueue(), 503, "misconfigured"),
        (IdempotencyConflict(), 422, "idempotency-key-reused"),
        (InvalidRequest(), 422, "invalid-request"),
        (EncodeError(), 422, "invalid-arguments"),
        (DecodeError(), 410, "unreadable-result"),
        (BrokerError(), 500, "internal-error"),
    ],
)
def test_broker_errors_become_problems_without_redis_text(error: BrokerError, status: int, code: str) -> None:
    problem = broker_problem(error, job_id="j1")
    document = problem.document("r1")
    assert (document["status"], document["code"], document["instance"]) == (status, code, "r1")
    assert ("Retry-After" in problem.headers) == document["retryable"]
    assert "10.0.0.1" not in json.dumps(document)
    assert document.get("job_id") == ("j1" if code == "outcome-unknown" else None)


def test_which_problems_may_pass_with_time() -> None:
    assert {code for code, kind in KINDS.items() if kind.retryable} == {
        "body-timeout",
        "too-many-waits",
        "unavailable",
        "outcome-unknown",
        "queue-full",
        "answers-unread",
        "no-worker",
        "keys-unavailable",
        "not-ready",
    }
    assert broker_problem(BrokerFull()).headers == {"Retry-After": "1"}


# --- callers


def test_a_new_key_admits_its_caller(tmp_path: Path) -> None:
    key, entry = new_key("billing", ("enqueue:send_*", "read"))
    path = tmp_path / "keys.toml"
    path.write_text(entry)
    assert key not in entry
    keys = KeysFile(path)
    keys.load()
    caller = keys.caller(f"Bearer {key}")
    assert caller.name == "billing"
    caller.require_function("send_invoice")
    caller.require("read")
    for scope in ("abort", "inspect", "metrics", "read:*"):
        with pytest.raises(Problem):
            caller.require(scope)
    with pytest.raises(Problem):
        caller.require_function("resend_invoice")
    assert caller.sees("billing")
    assert not caller.sees("other")
    assert not caller.sees(None)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer x", "Basic {key}", "{key}", "Bearer {key}x"]
)
def test_other_credentials_are_refused(header: str | None, tmp_path: Path) -> None:
    key, entry = new_key("billing", ("read",))
    (tmp_path / "keys.toml").write_text(entry)
    keys = KeysFile(tmp_path / "keys.toml")
    keys.load()
    with pytest.raises(Problem) as caught:
        keys.caller(header.format(key=key) if header else header)
    assert caught.value.code == "unauthorized"
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}


def test_keys_end_and_are_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys.toml"
    old, old_entry = new_key("billing", ("read",))
    new, new_entry = new_key("billing", ("read",))
    path.write_text(old_entry + new_entry)
    keys = KeysFile(path)
    keys.load()
    assert keys.caller(f"Bearer {old}") == keys.caller(f"bearer {new}")

    path.write_text(f"{old_entry}not_after = 2020-01-01T00:00:00Z\n{new_entry}")
    os.utime(path, ns=(1, 1))
    keys.refresh()
    keys.caller(f"Bearer {new}")
    with pytest.raises(Problem):
        keys.caller(f"Bearer {old}")

    path.write_text("not toml")
    os.utime(path, ns=(2, 2))
    with caplog.at_level("ERROR"):
        keys.refresh()
    assert "previous keys stay" in caplog.text
    keys.caller(f"Bearer {new}")


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "key = 1",
        "key = [1]",
        "key = [[]]",
        'key = ["a"]',
        "key = " + "[" * 5000,
        "key = " + "1" * 5000,
        "\udcff",
        '[[key]]\nname = "a"',
        '[[key]]\nname = "a b"\nsha256 = "{digest}"\nallow = []',
        '[[key]]\nname = "a"\nsha256 = "abc"\nallow = []',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = ["everything"]',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = "read"',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = [["read"], {}]',
        "[[key]]\nname = [1]\nsha256 = {}\nallow = []",
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = ["read"]\nallows = []',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = []\nnot_after = 2020-01-01',
        '[[key]]\nname = "a"\nsha256 = "{digest}"\nallow = []\nwaits = -1',
    ],
)
def test_keys_files_that_cannot_be_used(text: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text.replace("{digest}", "0" * 64), errors="surrogateescape")
    with pytest.raises(
        KeysFileError, match=rf"^The keys file {path} cannot be used: .*\. `jobgate key new .*\.$"
    ):
        read_keys(path)


def test_a_keys_file_that_stays_away_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys.toml"
    key, entry = new_key("billing", ("read",))
    path.write_text(entry)
    keys = KeysFile(path)
    keys.load()
    path.unlink()
    for _ in range(3):
        keys.refresh()
    assert caplog.text.count("previous keys stay") == 1
    path.write_text("# nobody\n")
    keys.refresh()
    with pytest.raises(Problem):
        keys.caller(f"Bearer {key}")
    path.unlink()
    keys.refresh()
    assert caplog.text.count("previous keys stay") == 2


def test_a_missing_keys_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeysFileError, match="No such file or directory"):
        KeysFile(tmp_path / "none.toml").load()


def test_anybody_may_do_everything() -> None:
    ANYBODY.require("metrics")
    ANYBODY.require_function("f")
    assert ANYBODY.sees("x")
    assert ANYBODY.inspects


# --- waits


async def test_waits_are_counted_in_all_and_by_key() -> None:
    waits = Waits(limit=3, limit_per_key=1)
    key, generous = Caller(name="a"), Caller(name="b", waits=2)
    with waits.place(key), waits.place(generous):
        with pytest.raises(Problem) as too_many_of_key, waits.place(key):
            pass
        with waits.place(generous):
            assert waits.count == 3
            with pytest.raises(Problem) as too_many, waits.place(ANYBODY):
                pass
    for problem in (too_many_of_key.value, too_many.value):
        assert (problem.kind.status, problem.headers) == (429, {"Retry-After": "1"})
    assert waits.count == 0
    with waits.place(key):
        pass


async def test_all_waits_end_at_a_shutdown() -> None:
    waits = Waits(limit=3, limit_per_key=1)
    never: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def wait() -> str | None:
        return await never

    running = [asyncio.create_task(waits.run(wait)) for _ in range(3)]
    await asyncio.sleep(0)
    waits.end_all()
    assert await asyncio.gather(*running) == [None, None, None]
    assert await waits.run(wait) is None


# --- metrics


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


# --- what is shown


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
