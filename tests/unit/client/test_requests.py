"""What a caller may ask for, and how it is put into JSON."""

import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from math import inf, nan
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from jobgate.broker import OPTION_FORMS
from jobgate.client import Client, InvalidArguments, InvalidOption, InvalidRequest
from jobgate.client.http.request_body import encode
from jobgate.client.requests import JOB_ID, NewJob, Options, new_job
from jobgate.gateway.functions import why_not_new_id


def a_client() -> Client:
    return Client("http://127.0.0.1:1", registry=CollectorRegistry())


def a_request(*args: Any, options: Options | None = None, **kwargs: Any) -> NewJob:
    return new_job("fn", args, kwargs, options or Options())


def test_a_request_has_an_id_that_cannot_be_guessed() -> None:
    ids = {a_request().job_id for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"[0-9A-Za-z]{20}", one) for one in ids)


@pytest.mark.parametrize("job_id", ["", ".", "..", "a/b", "a b", "ä", "a\n", "x" * 129, 7])
async def test_ids_that_no_gateway_takes_are_refused(job_id: Any) -> None:
    with pytest.raises(InvalidOption, match="the id of a new job must be"):
        await a_client().enqueue("fn", _job_id=job_id)


@pytest.mark.parametrize("job_id", [".", "a/b", "run:42", "ä", "a\r\n", "x" * 129, "\udcff"])
def test_a_job_of_any_id_can_be_asked_for(job_id: str) -> None:
    assert a_client().job(job_id).id == job_id


@pytest.mark.parametrize("job_id", ["", 7, None, "\ud800"])
def test_what_is_no_text_is_no_id(job_id: Any) -> None:
    with pytest.raises(InvalidOption, match="a job id must be"):
        a_client().job(job_id)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"_defer_by": -1}, "_defer_by"),
        ({"_defer_by": nan}, "_defer_by"),
        ({"_defer_by": inf}, "_defer_by"),
        ({"_defer_by": True}, "_defer_by"),
        ({"_defer_by": "5"}, "_defer_by"),
        ({"_defer_until": "tomorrow"}, "_defer_until"),
        (
            {"_defer_until": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
            "_defer_until is out of range",
        ),
        ({"_queue": "\udcff"}, "_queue"),
        ({"_queue": 7}, "_queue"),
        ({"_defer_by": 1, "_defer_until": datetime.now(UTC)}, "not both"),
        ({"_expires": timedelta(seconds=-1)}, "_expires"),
        ({"_max_tries": 0}, "_max_tries"),
        ({"_max_tries": 1.5}, "_max_tries"),
        ({"_keep_result": -0.1}, "_keep_result"),
        ({"_run_timeout": []}, "_run_timeout"),
        ({"_priority": 1}, "_priority"),
        ({"_timeout": 1}, "_timeout"),
    ],
)
async def test_wrong_options_are_named_before_anything_is_sent(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidOption, match=words) as caught:
        await a_client().enqueue("fn", **options)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, InvalidRequest)


@pytest.mark.parametrize(
    ("method", "option", "says"),
    [
        ("call", "_defer_by", "`enqueue` can defer"),
        ("call", "_defer_until", "`enqueue` can defer"),
        ("enqueue", "_timeout", r"give it to the job's `result\(timeout=…\)`"),
    ],
)
async def test_an_option_of_the_other_method_is_not_suggested(method: str, option: str, says: str) -> None:
    with pytest.raises(InvalidOption, match=says) as caught:
        await getattr(a_client(), method)("fn", **{option: 1})
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("options", [{"_timeout": -1}, {"_keep_result": -1}, {"_defer_by": 1}])
async def test_a_call_refuses_what_makes_no_sense_for_it(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        await a_client().call("fn", **options)


@pytest.mark.parametrize("name", ["", None, 7, "\udcff"])
async def test_a_function_is_named_by_a_string(name: Any) -> None:
    with pytest.raises(InvalidOption, match="name"):
        await a_client().call(name)


def test_only_given_options_are_sent() -> None:
    assert orjson.loads(encode(a_request(1, (2, 3), lang="de", options=Options(job_id="a")))) == {
        "args": [1, [2, 3]],
        "kwargs": {"lang": "de"},
        "job_id": "a",
    }


def test_options_that_travel_with_the_job_have_the_names_that_gateway_and_broker_know() -> None:
    own = {field.name for field in fields(Options)} - {"job_id", "defer_by", "defer_until", "expires"}
    assert own == {name for name, form in OPTION_FORMS.items() if form.in_http}


def test_all_options_are_sent_under_the_names_of_the_http_api() -> None:
    options = Options(
        job_id="a",
        queue="q",
        defer_until=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        expires=1.5,
        max_tries=2,
        keep_result=0,
        timeout=9,
    )
    assert orjson.loads(encode(a_request(options=options))) == {
        "args": [],
        "kwargs": {},
        "job_id": "a",
        "queue": "q",
        "defer_until": "2030-01-02T03:04:05+00:00",
        "expires": 1.5,
        "max_tries": 2,
        "keep_result": 0,
        "timeout": 9,
    }


@pytest.mark.parametrize("value", [object(), 2**64, {1.5: 2}, 1j, "\ud800"])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArguments, match="'fn'"):
        encode(a_request(value))


def test_floats_that_json_would_lose_are_named() -> None:
    with pytest.raises(InvalidArguments) as caught:
        encode(a_request([1.0, nan], None, deep={"a/b": (inf,)}))
    assert [error.pointer for error in caught.value.errors] == ["#/args/0/1", "#/kwargs/deep/a~1b/0"]


def test_a_null_is_no_lost_float() -> None:
    assert orjson.loads(encode(a_request(None, x=None)))["args"] == [None]


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("ftp://host", {}, "not an address"),
        ("127.0.0.1:8080", {}, "not an address"),
        ("http://", {}, "host"),
        ("http://host/?a=1", {}, "query"),
        ("http://me:secret@host", {}, "key="),
        ("http://host", {"key": "line\nbreak"}, "line break"),
        ("http://host", {"key": ""}, "key"),
        ("http://host", {"serializer": "json"}, "serializer"),
        ("redis://host", {"key": "secret"}, "key"),
        ("redis://host", {"serializer": "yaml"}, "json"),
        ("http://host", {"timeout": -1}, "timeout"),
    ],
)
def test_wrong_settings_of_a_client_say_what_to_do(url: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidOption, match=words) as caught:
        Client(url, registry=CollectorRegistry(), **options)
    assert "secret" not in str(caught.value)


def test_a_client_does_not_show_its_secrets() -> None:
    secret = "s3cret-of-mine"
    one = Client("http://host/base", key=secret, registry=CollectorRegistry())
    other = Client(f"redis://me:{secret}@host", registry=CollectorRegistry())
    shown = [repr(one), repr(vars(one)), repr(other), repr(one.job("a"))]
    assert repr(one) == "Client('http://host/base')"
    assert not any(secret in text for text in shown)


def test_client_and_gateway_take_the_same_ids_for_new_jobs() -> None:
    ids = [*map(chr, range(256)), "", "..", "a.b", "é", "a\n", "x" * 128, "x" * 129]
    taken = [each for each in ids if JOB_ID.fullmatch(each)]
    assert taken == [each for each in ids if why_not_new_id(each) is None]
    assert len(taken) == 26 * 2 + 10 + 3 + 2, "letters, digits, `_ ~ -`, and two longer ones"
