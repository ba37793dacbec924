"""Whose headers say who the client is, and how they are read: nobody can pass for another address."""

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp.web import BaseRequest
from multidict import CIMultiDict

from jobgate.gateway import GatewayError, GatewaySettings
from jobgate.gateway.http import Proxies

TRUSTED = ("10.0.0.0/8", "192.168.1.1", "2001:db8:0:1::/64", "unix")


def asking(remote: str | None, *headers: tuple[str, str]) -> BaseRequest:
    return cast(BaseRequest, SimpleNamespace(remote=remote, headers=CIMultiDict[Any](headers)))


def client(remote: str | None, *values: str, header: Any = "x-forwarded-for") -> str:
    name = "X-Forwarded-For" if header == "x-forwarded-for" else "Forwarded"
    return Proxies(TRUSTED, header).client_of(asking(remote, *((name, value) for value in values)))


@pytest.mark.parametrize("remote", ["1.2.3.4", "2001:db8::9", "::ffff:1.2.3.4", "11.0.0.1", None])
def test_headers_of_others_are_not_read(remote: str | None) -> None:
    seen = (remote or "unknown").removeprefix("::ffff:")
    assert client(remote, "6.6.6.6") == seen
    assert client(remote, "for=6.6.6.6", header="forwarded") == seen
    assert Proxies().client_of(asking(remote, ("X-Forwarded-For", "6.6.6.6"))) == seen


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (["1.2.3.4"], "1.2.3.4"),
        ([" 1.2.3.4 "], "1.2.3.4"),
        (["1.2.3.4:5678"], "1.2.3.4"),
        (["2001:DB8::9"], "2001:db8::9"),
        (["[2001:db8::9]"], "2001:db8::9"),
        (["[2001:db8::9]:443"], "2001:db8::9"),
        (["::ffff:1.2.3.4"], "1.2.3.4"),
        # What the client claims stands before what the proxies have seen.
        (["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4, 10.1.1.1, 192.168.1.1"], "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4", "2001:db8:0:1::7,10.9.9.9"], "1.2.3.4"),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        # Nothing that can be read: the nearest that is known.
        ([], "10.0.0.7"),
        ([""], "10.0.0.7"),
        (["6.6.6.6,"], "10.0.0.7"),
        (["unknown"], "10.0.0.7"),
        (["6.6.6.6, _hidden"], "10.0.0.7"),
        (["6.6.6.6, unknown, 10.1.1.1"], "10.1.1.1"),
        (["6.6.6.6, 1.2.3.4.5"], "10.0.0.7"),
        (["010.1.1.1"], "10.0.0.7"),
        (["fe80::1%eth0"], "10.0.0.7"),
        (["[2001:db8::9"], "10.0.0.7"),
        (["2001:db8::9]:1"], "10.0.0.7"),
        (["1.2.3.4:x"], "10.0.0.7"),
        (["1.2.3.4\xa0"], "1.2.3.4"),
        (["\u0661.2.3.4"], "10.0.0.7"),
        ([":::::::"], "10.0.0.7"),
        (['"1.2.3.4"'], "10.0.0.7"),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy(values: list[str], seen: str) -> None:
    assert client("10.0.0.7", *values) == seen


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (["for=1.2.3.4"], "1.2.3.4"),
        (["For=1.2.3.4;proto=https;by=10.0.0.7"], "1.2.3.4"),
        (['proto=https ; for="1.2.3.4:99"'], "1.2.3.4"),
        (['for="[2001:db8::9]:4711"'], "2001:db8::9"),
        (["for=6.6.6.6, for=1.2.3.4"], "1.2.3.4"),
        (["for=6.6.6.6", "for=1.2.3.4, for=10.1.1.1"], "1.2.3.4"),
        # What is in a name of the client's choice is not taken for a parameter, nor for an element.
        (['host="a, for=6.6.6.6";for=1.2.3.4'], "1.2.3.4"),
        (['host="a;for=6.6.6.6";for=1.2.3.4'], "1.2.3.4"),
        (['host="\\", for=6.6.6.6;host=\\"\\\\";for=1.2.3.4'], "1.2.3.4"),
        (['for="6.6.6.6, for=1.2.3.4'], "1.2.3.4"),
        (['for="6.6.6.6', "for=1.2.3.4"], "1.2.3.4"),
        (["for=1.2.3.4;for=6.6.6.6"], "1.2.3.4"),
        (["for=unknown"], "10.0.0.7"),
        (["for=_gazonk"], "10.0.0.7"),
        (["for=6.6.6.6, proto=https"], "10.0.0.7"),
        (["for=1.2.3.4 extra"], "10.0.0.7"),
        (["for"], "10.0.0.7"),
        (["=;=;=", "1.2.3.4"], "10.0.0.7"),
        (['for="'], "10.0.0.7"),
    ],
)
def test_the_header_of_rfc_7239(values: list[str], seen: str) -> None:
    assert client("10.0.0.7", *values, header="forwarded") == seen


def test_only_the_header_that_the_proxy_writes_is_read() -> None:
    request = asking("10.0.0.7", ("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "for=5.6.7.8"))
    assert Proxies(TRUSTED).client_of(request) == "1.2.3.4"
    assert Proxies(TRUSTED, "forwarded").client_of(request) == "5.6.7.8"


def test_peers_on_a_unix_socket_are_trusted_by_name() -> None:
    assert client("", "1.2.3.4") == "1.2.3.4"
    assert client("") == "unix"
    assert Proxies(["10.0.0.0/8"]).client_of(asking("", ("X-Forwarded-For", "1.2.3.4"))) == "unix"


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
def test_headers_of_any_length_are_read_in_no_time(header: Any) -> None:
    lines = ["10.1.1.1," * 900, "," * 8000, "\\" * 8000, '"' * 8000, '\\"' * 4000, "for=;" * 1600, "[" * 8000]
    start = time.process_time()
    for line in lines:
        client("10.0.0.7", *[line] * 100, header=header)
        client("10.0.0.7", f'for="{line}', header=header)
    assert time.process_time() - start < 1


def test_the_name_that_the_client_called_is_a_proxys_word() -> None:
    names = (("Host", "Jobs:8080"), ("X-Forwarded-Host", "jobs.EXAMPLE.com"))
    assert Proxies(TRUSTED).hosts_of(asking("10.0.0.7", *names)) == ("jobs:8080", "jobs.example.com")
    assert Proxies(TRUSTED).hosts_of(asking("1.2.3.4", *names)) == ("jobs:8080",)
    assert Proxies(TRUSTED).hosts_of(asking("10.0.0.7", *names[:1])) == ("jobs:8080",)
    names = (("Host", "jobs:8080"), ("Forwarded", 'for=1.2.3.4;host="jobs.example.com:81"'))
    assert Proxies(TRUSTED, "forwarded").hosts_of(asking("", *names)) == ("jobs:8080", "jobs.example.com:81")


@pytest.mark.parametrize("name", ["10.0.0.1/8", "proxy.example.com", "", "10.0.0.0/33"])
def test_what_is_no_address_is_refused_at_startup(name: str) -> None:
    with pytest.raises(GatewayError, match="trusted_proxies"):
        GatewaySettings(trusted_proxies=(name,))
