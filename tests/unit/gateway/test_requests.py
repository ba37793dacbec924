"""Names, waits, options and settings: what a request and an operator may say."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobgate.broker import OPTION_FORMS, JobOptions, Keys
from jobgate.gateway.functions import QueueNames, function_name, status_path, why_not_new_id
from jobgate.gateway.http import Problem
from jobgate.gateway.http.door import given_id
from jobgate.gateway.jobs.job_request import job_request
from jobgate.gateway.settings import GatewayError, GatewaySettings

QUEUES = QueueNames(Keys())


def errors_of(document: Any) -> dict[str, str]:
    with pytest.raises(Problem) as caught:
        job_request("f", document, QUEUES)
    assert caught.value.kind.status == 422
    return {error["pointer"]: error["detail"] for error in (caught.value.members or {})["errors"]}


@pytest.mark.parametrize("name", ["f", "a.b.C.m", "cron:tidy", "outer.<locals>.inner", "_x-1", "f" * 128])
def test_function_names(name: str) -> None:
    assert function_name(name) == name


@pytest.mark.parametrize("name", ["", "1f", "f f", "f\n", "ｆ", "f/g", "f" * 129, "f{}", "f\x00", "f%"])
def test_no_function_names(name: str) -> None:
    with pytest.raises(Problem):
        function_name(name)


@pytest.mark.parametrize("text", ["a", "A-1_.~", "x" * 128, "...", ".a"])
def test_job_ids(text: str) -> None:
    assert why_not_new_id(text) is None


@pytest.mark.parametrize("text", ["", "a:b", "a b", "a\r\n", "{a}", "é", "x" * 129, "a/b", "a*", ".", ".."])
def test_no_job_ids(text: str) -> None:
    assert why_not_new_id(text)


def test_where_a_job_is() -> None:
    ids = ["a-1_.~", "run:42", "https://x/y?z#", "a b\r\n", "é", "\udcff", "%2F"]
    assert [status_path(one).split("/")[2] for one in ids] == [
        "a-1_.~", "run%3A42", "https%3A%2F%2Fx%2Fy%3Fz%23", "a%20b%0D%0A", "%C3%A9", "%FF", "%252F",
    ]  # fmt: skip


def test_request_ids_that_could_forge_headers_are_replaced() -> None:
    assert given_id("abc-1") == "abc-1"
    assert given_id("a\r\nX: y") is None
    assert given_id("x" * 65) is None


@pytest.mark.parametrize("name", ["arq:queue", "arq:mail", "mail", "a:b:c", "x" * 128])
def test_queue_names(name: str) -> None:
    assert QUEUES.why_not(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "arq:abort",
        "arq:job:x",
        "arq:result:",
        "arq:in-progress:1",
        "arq:retry:1",
        "arq:queue:wake",
        "q:workers",
        "q:worker:w1",
        "q:claim:w1",
        "q:health-check",
        "q:abort-notices",
        "arq:queue:idempotency:abc",
        "arq:job",
        "q:claim",
        "a}b{c",
        "",
        "a b",
        "q\n",
        "x" * 129,
    ],
)
def test_queue_names_that_are_other_keys_or_none(name: str) -> None:
    assert QUEUES.why_not(name)


def test_named_queues_are_the_only_ones() -> None:
    queues = QueueNames(Keys("{mail}"), ("letters",))
    assert queues.why_not("letters") is None
    assert queues.why_not("{mail}:queue") is None
    assert queues.why_not("arq:queue")


def test_a_request_that_names_no_queue_goes_to_the_default_one() -> None:
    queues = QueueNames(Keys("shop"), ("letters",), default="mail")
    assert job_request("f", {}, queues, job_id="a").options.queue == "mail"
    assert [name for name in ("mail", "letters", "shop:queue") if queues.why_not(name)] == ["shop:queue"]


def test_an_empty_body_is_a_call_without_arguments() -> None:
    request = job_request("f", {}, QUEUES, owner="me", job_id="made")
    assert (request.function, list(request.args), dict(request.kwargs)) == ("f", [], {})
    assert request.options.owner == "me"
    assert request.job_id == "made"


def test_all_options() -> None:
    document = {
        "args": [1, None],
        "kwargs": {"job_id": "an argument, no option"},
        "job_id": "inv-42",
        "queue": "mail",
        "defer_until": "2030-01-02T03:04:05.5+01:00",
        "expires": 60,
        "timeout": 1.5,
        "max_tries": 3.0,
        "keep_result": 0,
    }
    request = job_request("f", document, QUEUES)
    assert request.args == [1, None]
    assert request.kwargs == {"job_id": "an argument, no option"}
    assert (request.job_id, request.expires, request.defer_by) == ("inv-42", 60, None)
    assert request.options == JobOptions(queue="mail", timeout=1.5, max_tries=3, keep_result=0)
    due = datetime(2030, 1, 2, 2, 4, 5, 500_000, tzinfo=UTC)
    assert request.defer_until_ms == int(due.timestamp() * 1000)


@pytest.mark.parametrize("name", [name for name, form in OPTION_FORMS.items() if not form.in_http])
def test_options_that_the_gateway_sets_itself_are_not_for_callers(name: str) -> None:
    assert errors_of({name: "x"}).keys() == {f"#/{name}"}


def test_null_options_are_not_given() -> None:
    options = dict.fromkeys(
        ["queue", "defer_by", "defer_until", "expires", "timeout", "max_tries", "keep_result"]
    )
    request = job_request("f", {**options, "job_id": None}, QUEUES, job_id="made")
    assert request.job_id == "made"
    assert (request.options, request.defer_by, request.expires) == (JobOptions(queue="arq:queue"), None, None)


@pytest.mark.parametrize("document", [None, [], "x", 1, True])
def test_bodies_that_are_no_objects(document: Any) -> None:
    assert set(errors_of(document)) == {"#"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("args", {}),
        ("args", None),
        ("kwargs", []),
        ("kwargs", None),
        ("job_id", "a b"),
        ("job_id", 1),
        ("queue", "arq:abort"),
        ("queue", 1),
        ("defer_by", -1),
        ("defer_by", "1"),
        ("defer_by", True),
        ("defer_by", 1e18),
        ("defer_until", "tomorrow"),
        ("defer_until", "2030-01-01T00:00:00"),
        ("defer_until", "2030-W01-1T00:00:00Z"),
        ("defer_until", "2030-13-01T00:00:00Z"),
        ("defer_until", "9999-01-01T00:00:00Z"),
        ("defer_until", 5),
        ("expires", 0),
        ("expires", -5),
        ("timeout", 0),
        ("max_tries", 0),
        ("max_tries", 1.5),
        ("max_tries", True),
        ("max_tries", 10**9),
        ("keep_result", -1),
        ("owner", "root"),
        ("_job_id", "x"),
    ],
)
def test_members_that_make_no_sense(name: str, value: Any) -> None:
    assert set(errors_of({name: value})) == {f"#/{name}"}


def test_all_errors_are_told_at_once_and_echo_nothing() -> None:
    errors = errors_of(
        {"args": 1, "max_tries": 0, "<script>\n": 1, "defer_by": 1, "defer_until": "2030-01-01T00:00:00Z"}
    )
    assert set(errors) == {"#/args", "#/max_tries", "#/?script??", "#/defer_until"}


def test_a_body_full_of_errors_is_not_answered_with_more() -> None:
    document = {f"{number:x}-----": 0 for number in range(75_000)} | {"timeout": "x"}
    start = time.process_time()
    with pytest.raises(Problem) as caught:
        job_request("f", document, QUEUES)
    assert time.process_time() - start < 0.1
    assert len(json.dumps(caught.value.document("r1"))) < 5000


def test_idempotency_is_the_callers_own_and_knows_the_request() -> None:
    def key(owner: str | None, document: Any, function: str = "f") -> tuple[str, str]:
        found = job_request(function, document, QUEUES, owner=owner, idempotency_key="k1").idempotency
        assert found is not None
        return found.digest, found.request_digest

    assert key("a", {"args": [1]}) == key("a", {"args": [1]})
    assert key("a", {"args": [1]})[0] != key("b", {"args": [1]})[0]
    assert key("a", {"args": [1]})[1] != key("a", {"args": [2]})[1]
    assert key("a", {})[1] != key("a", {}, "g")[1]
    assert key("a", {"kwargs": {"x": 1, "y": 2}}) == key("a", {"kwargs": {"y": 2, "x": 1}})


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x7f", "é"])
def test_idempotency_keys_that_make_no_sense(key: str) -> None:
    with pytest.raises(Problem):
        job_request("f", {}, QUEUES, idempotency_key=key)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_keys(host: str) -> None:
    assert GatewaySettings(host=host).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])
def test_other_addresses_need_keys_or_a_word(host: str, tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match="--insecure"):
        GatewaySettings(host=host)
    GatewaySettings(host=host, insecure=True)
    GatewaySettings(host=host, keys_file=tmp_path / "keys.toml")


def test_settings_show_no_password() -> None:
    assert "secret" not in repr(GatewaySettings(redis="redis://:secret@localhost"))


@pytest.mark.parametrize("options", [{"port": 70000}, {"metrics_port": -1}, {"drain": -1}])
def test_settings_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(GatewayError):
        GatewaySettings(**options)
