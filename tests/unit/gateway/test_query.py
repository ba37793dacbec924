"""Query parameters, and the wait that a request asks for."""

import pytest

from jobgate.gateway.http import Problem, applied, asked_wait, check_limit, page_limit, read_query


def errors_of(query: str) -> list[dict[str, str]]:
    with pytest.raises(Problem) as caught:
        read_query(query, {"limit": check_limit, "name": lambda _: None})
    assert caught.value.code == "invalid-request"
    errors: list[dict[str, str]] = (caught.value.members or {}).get("errors", [])
    return errors


def test_parameters_are_decoded() -> None:
    checks = {"limit": check_limit, "name": lambda _: None}
    assert read_query("", checks) == {}
    assert read_query("limit=7&name=a%20b", checks) == {"limit": "7", "name": "a b"}
    assert read_query("name=", checks) == {"name": ""}


@pytest.mark.parametrize("query", ["x=1", "limit=1&limit=1", "name=a&other=b"])
def test_unknown_and_repeated_parameters_are_refused_with_the_names_that_exist(query: str) -> None:
    (error,) = errors_of(query)
    assert error["pointer"] == "?"
    assert "limit, name" in error["detail"]


@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ("wait=1&wait=2", "?wait", "wait is a number of seconds, 0 or more, given once."),
        ("wait=soon", "?wait", "wait is a number of seconds, 0 or more, given once."),
        ("wait=1&x=2", "?", "The only query parameter is wait."),
        ("x=1&x=2", "?", "The only query parameter is wait."),
    ],
)
def test_what_is_wrong_with_a_wait_is_named(query: str, pointer: str, detail: str) -> None:
    with pytest.raises(Problem) as caught:
        asked_wait(query, None, longest=60)
    assert caught.value.members == {"errors": [{"pointer": pointer, "detail": detail}]}


@pytest.mark.parametrize("query", ["%", "limit", "&", "name=1&&name=2", "&".join(["name=1"] * 30)])
def test_queries_that_cannot_be_read_are_refused(query: str) -> None:
    assert errors_of(query) == []


@pytest.mark.parametrize("limit", ["0", "1001", "x", "", "-1", "1.0", "%D9%A3", "00001"])
def test_limits_that_are_refused(limit: str) -> None:
    (error,) = errors_of(f"limit={limit}")
    assert error == {"pointer": "?limit", "detail": "It must be a whole number from 1 to 1000."}


def test_limits() -> None:
    assert page_limit({}) == 100
    assert page_limit(read_query("limit=1000", {"limit": check_limit})) == 1000


@pytest.mark.parametrize(
    ("query", "prefer", "wait"),
    [
        ("", None, None),
        ("", "wait=5", 5.0),
        ("", "respond-async, WAIT = 2.5", 2.5),
        ("", 'wait="7";x', 7.0),
        ("", "wait=-1", None),
        ("", "wait=soon", None),
        ("", "waiting=3", None),
        ("", "wait=1e9", None),
        ("", "wait=99999", 60.0),
        ("wait=0", None, None),
        ("wait=0", "wait=5", None),
        ("wait=0.0", None, None),
        ("wait=-0", None, None),
        ("wait=-0.0", None, None),
        ("wait=1e-999", None, None),
        ("", "wait=0", None),
        ("", "wait=0, wait=5", None),
        ("wait=1", "wait=5", 1.0),
        ("wait=100000", None, 60.0),
        ("wait=1e300", None, 60.0),
        ("wait=1e999", None, 60.0),
        ("wait=2.5e-1", None, 0.25),
    ],
)
def test_waits(query: str, prefer: str | None, wait: float | None) -> None:
    assert asked_wait(query, prefer, longest=60.0) == wait


@pytest.mark.parametrize(
    "query",
    [
        "wait=",
        "wait=-1",
        "wait=-1e-300",
        "wait=+0",
        "wait=%200",
        "wait=0%20",
        "wait=--0",
        "wait=a",
        "wait=1&wait=2",
        "x=1",
        "wait=1e",
        "wait=inf",
        "wait=٣",
        "wait",
        "&",
        "wait=nan",
    ],
)
def test_waits_that_make_no_sense(query: str) -> None:
    with pytest.raises(Problem) as caught:
        asked_wait(query, None, longest=60.0)
    assert caught.value.kind.status == 422


def test_the_applied_wait_is_a_header() -> None:
    assert applied(5.0) == {"Preference-Applied": "wait=5"}
    assert applied(0.25) == {"Preference-Applied": "wait=0.25"}
    assert applied(None) == {}
