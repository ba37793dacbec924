"""What the door lets in: hosts, origins, request ids, and targets as the access log shows them."""

from typing import Any, cast

import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import BaseRequest

from jobgate.gateway.http import Problem, check_origin, target_of
from jobgate.gateway.http.access_log import shown_target
from jobgate.gateway.http.door import Door

SHOWN = {"wait", "queue"}


def asking(headers: dict[str, str], path: str = "/") -> BaseRequest:
    return make_mocked_request("POST", path, headers=headers)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.9.9.9", "[::1]", "[::1]:80", "Named", "named:1"],
)
def test_hosts_of_loopback_and_named_ones_are_let_in(host: str) -> None:
    door(("Named",))._check(asking({"Host": host}))


@pytest.mark.parametrize(
    "host", ["example.com", "localhost.example.com", "192.168.0.1", "named:x", "", "127.0.0.1.example.com"]
)
def test_other_hosts_are_misdirected(host: str) -> None:
    with pytest.raises(Problem) as caught:
        door(("Named",))._check(asking({"Host": host}))
    assert caught.value.code == "misdirected"
    door(None)._check(asking({"Host": host}))


def door(hosts: tuple[str, ...] | None) -> Door[Any]:
    return Door(cast("Any", None), write_deadline=1, hosts=hosts)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8080"},
        {"Origin": "HTTP://LOCALHOST:8080"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_requests_of_the_same_site_pass(headers: dict[str, str]) -> None:
    check_origin(asking(headers), lambda _: ["localhost:8080"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Origin": "null"},
        {"Origin": "http://example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://example.com"},
    ],
)
def test_requests_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Problem) as caught:
        check_origin(asking(headers), lambda _: ["localhost:8080", ""])
    assert caught.value.code == "cross-site"


def test_targets_are_split_as_sent() -> None:
    assert target_of(asking({}, "/jobs/a%2Fb/status?wait=1?2")) == ("/jobs/a%2Fb/status", "wait=1?2")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/jobs?wait=5&queue=mail", "/jobs?wait=5&queue=mail"),
        ("/jobs?key=s3cret", "/jobs?key=***"),
        ("/jobs?" + "x" * 40 + "=1", "/jobs?***=***"),
        ("/jobs?s3cret", "/jobs?***"),
        ("/jobs", "/jobs"),
        ("/" + "x" * 1000, "/" + "x" * 255),
    ],
)
def test_values_of_unknown_parameters_are_not_logged(target: str, shown: str) -> None:
    assert shown_target(target, SHOWN) == shown
