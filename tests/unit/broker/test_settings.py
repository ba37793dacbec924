"""Redis settings: every form of URL, arq's class by its shape, and what redis-py is told."""

import socket
import ssl
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from jobgate.broker.link.settings import RedisSettings, async_client, sync_client

SECRET = "s3cr/t?#@ü"
QUOTED = "s3cr%2Ft%3F%23%40%C3%BC"


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("redis://", {}),
        ("redis://cache", {"host": "cache"}),
        ("redis://cache:7000/3", {"host": "cache", "port": 7000, "database": 3}),
        ("redis://cache:0", {"host": "cache", "port": 0}),
        ("redis://cache/", {"host": "cache"}),
        ("redis://cache?db=4", {"host": "cache", "database": 4}),
        ("redis://cache/3?db=4", {"host": "cache", "database": 4}),
        ("redis://[::1]:7000", {"host": "::1", "port": 7000}),
        (f"redis://:{QUOTED}@cache", {"host": "cache", "password": SECRET}),
        (f"redis://u%40x:{QUOTED}@cache", {"host": "cache", "username": "u@x", "password": SECRET}),
        ("redis://user@cache", {"host": "cache", "username": "user"}),
        ("redis://cache?max_connections=5&conn_timeout=2.5", {
            "host": "cache", "max_connections": 5, "conn_timeout": 2.5,
        }),
        ("rediss://cache", {"host": "cache", "ssl": True, "ssl_check_hostname": True}),
        ("rediss://cache?ssl_check_hostname=false&ssl_cert_reqs=none&ssl_ca_certs=/ca.pem", {
            "host": "cache", "ssl": True, "ssl_cert_reqs": "none", "ssl_ca_certs": "/ca.pem",
        }),
        ("rediss://cache?ssl_certfile=/c.pem&ssl_keyfile=/k.pem", {
            "host": "cache", "ssl": True, "ssl_check_hostname": True,
            "ssl_certfile": "/c.pem", "ssl_keyfile": "/k.pem",
        }),
        ("unix:///run/redis.sock", {"unix_socket_path": "/run/redis.sock"}),
        (f"unix://u:{QUOTED}@/run/a%20b.sock?db=2", {
            "unix_socket_path": "/run/a b.sock", "username": "u", "password": SECRET, "database": 2,
        }),
        ("redis+sentinel://a:1,b,[::1]:3/5?master=main", {
            "host": [("a", 1), ("b", 26379), ("::1", 3)], "database": 5, "sentinel": True,
            "sentinel_master": "main",
        }),
        (f"redis+sentinel://u:{QUOTED}@a?sentinel_username=su&sentinel_password=sp", {
            "host": [("a", 26379)], "sentinel": True, "username": "u", "password": SECRET,
            "sentinel_username": "su", "sentinel_password": "sp",
        }),
        ("rediss+sentinel://a", {
            "host": [("a", 26379)], "sentinel": True, "ssl": True, "ssl_check_hostname": True,
        }),
    ],
)  # fmt: skip
def test_urls_are_read(url: str, fields: dict[str, Any]) -> None:
    assert RedisSettings.from_dsn(url) == RedisSettings(**fields)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "scheme"),
        ("localhost:6379", "scheme"),
        ("http://localhost", "scheme"),
        ("redis://cache:port", "port"),
        ("redis://cache:99999", "port"),
        ("redis://cache/zero", "number of a database"),
        ("redis://cache/-1", "number of a database"),
        ("redis://:6379", "host"),
        ("redis://[::1", "parsed"),
        ("redis://:p#ss@cache", "fragment"),
        ("redis://cache?db=x", "'db'"),
        ("redis://cache?ssl_check_hostname=perhaps", "'ssl_check_hostname'"),
        ("redis://cache?timeout=5", "unknown option 'timeout', known are db"),
        ("rediss://cache?socket_timeout=5", "unknown option 'socket_timeout'"),
        ("unix:///run/s?health_check_interval=30", "unknown option 'health_check_interval'"),
        ("redis+sentinel://a?client_name=web", "unknown option 'client_name'"),
        ("rediss+sentinel://a?protocol=3", "unknown option 'protocol'"),
        ("redis://cache?socket_connect_timeout=5", "did you mean 'conn_timeout'?"),
        ("rediss://cache?ssl_cert_req=none", "did you mean 'ssl_cert_reqs'?"),
        ("rediss://cache?ssl_cert_reqs=never", "write required, optional, none"),
        (
            "redis://cache?ssl_cert_reqs=none",
            "'ssl_cert_reqs' only works with rediss:// or rediss.sentinel",
        ),
        ("unix:///run/s?ssl_ca_certs=/ca.pem", "'ssl_ca_certs' only works with"),
        ("redis://cache?master=main", r"'master' only works with redis\+sentinel"),
        ("rediss://cache?sentinel_password=x", "'sentinel_password' only works with"),
        ("redis://cache?db=-1", "'db' cannot be used, write a whole number"),
        ("redis://cache?max_connections=0", "at least 1"),
        ("redis://cache?conn_timeout=0", "above 0"),
        ("redis://cache?conn_timeout=nan", "above 0"),
        ("redis://cache?conn_timeout=-1", "above 0"),
        ("unix://", "absolute path"),
        ("unix://run/redis.sock", "absolute path"),
        ("redis+sentinel://", "host"),
        ("redis+sentinel://a,,b", "host"),
    ],
)
def test_wrong_urls_are_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        RedisSettings.from_dsn(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://:hush@cache",
        "redis://:hush@cache/zero",
        "redis://:hush@cache:port",
        "redis://:a/hush@cache",
        "redis://:a?hush@cache",
        "redis://:a#hush@cache",
        "redis://:a?hush=1@cache",
        "redis+sentinel://cache?sentinel_password=hush&x=hush",
        "redis+sentinel://cache?sentinel_password=a&hush=1",
        "redis://cache?db=hush",
        "redis://cache?conn_timeout=hush",
    ],
)
def test_a_password_is_in_no_message(url: str) -> None:
    with pytest.raises(ValueError, match="Redis URL is wrong") as caught:
        RedisSettings.from_dsn(url)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_password_is_neither_in_the_repr_nor_in_the_address() -> None:
    shown = RedisSettings.from_dsn("redis+sentinel://u:hush@a,b?sentinel_password=hush2")
    assert "hush" not in f"{shown!r} {shown} {shown.address}"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://u:p@cache:1/2", "redis://cache:1/2"),
        ("rediss://[::1]", "rediss://[::1]:6379/0"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("redis+sentinel://a,b:1?master=m", "redis+sentinel://a:26379,b:1/0?master=m"),
    ],
)
def test_the_address_is_for_logs(url: str, address: str) -> None:
    assert RedisSettings.from_dsn(url).address == address


def test_settings_of_anything() -> None:
    chosen = RedisSettings(host="cache")
    assert RedisSettings.of(chosen) is chosen
    assert RedisSettings.of("redis://cache") == chosen
    arqs = SimpleNamespace(host="cache", port=7000, database=1, ssl=True, conn_timeout=3, conn_retries=9)
    assert RedisSettings.of(arqs) == replace(
        chosen, port=7000, database=1, ssl=True, conn_timeout=3, conn_retries=9
    )
    for wrong in (None, 5, SimpleNamespace(host="cache")):
        with pytest.raises(ValueError, match="RedisSettings or a URL"):
            RedisSettings.of(wrong)


def test_hosts_and_sentinel_must_fit() -> None:
    with pytest.raises(ValueError, match="list of"):
        RedisSettings(host="cache", sentinel=True)
    with pytest.raises(ValueError, match="one name"):
        RedisSettings(host=[("a", 1)])


@pytest.mark.parametrize("make", [async_client, sync_client])
def test_clients_repeat_nothing_and_have_deadlines(make: Any) -> None:
    options = make(RedisSettings(conn_timeout=2), socket_timeout=9).connection_pool.connection_kwargs
    assert options["retry"]._retries == 0
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (9, 2)
    assert options["socket_keepalive_options"][socket.TCP_KEEPCNT] == 3
    assert (options["protocol"], options["decode_responses"], options["health_check_interval"]) == (
        2,
        False,
        0,
    )


@pytest.mark.parametrize("make", [async_client, sync_client])
def test_tls_settings_reach_the_connection(make: Any) -> None:
    chosen = RedisSettings(
        ssl=True,
        ssl_keyfile="/k",
        ssl_certfile="/c",
        ssl_cert_reqs="optional",
        ssl_ca_certs="/ca",
        ssl_ca_data="PEM",
    )
    options = make(chosen).connection_pool.connection_kwargs
    told = {name: options[name] for name in options if name.startswith("ssl_") and options[name] is not None}
    assert told.items() >= {
        "ssl_keyfile": "/k",
        "ssl_certfile": "/c",
        "ssl_cert_reqs": "optional",
        "ssl_ca_certs": "/ca",
        "ssl_ca_data": "PEM",
        "ssl_check_hostname": False,
    }.items()  # fmt: skip


@pytest.mark.parametrize("written", ["none", "None", "NONE", "CERT_NONE", "cert_none", "ssl.CERT_NONE"])
def test_no_check_of_the_certificate_is_understood_however_it_is_written(written: str) -> None:
    assert RedisSettings.from_dsn(f"rediss://cache?ssl_cert_reqs={written}").ssl_cert_reqs == "none"


@pytest.mark.parametrize(
    ("given", "word"),
    [(ssl.CERT_NONE, "none"), (ssl.CERT_OPTIONAL, "optional"), (2, "required"), (None, "none")],
)
def test_pythons_own_constants_are_understood(given: Any, word: str) -> None:
    assert RedisSettings(ssl_cert_reqs=given).ssl_cert_reqs == word


@pytest.mark.parametrize("given", [3, "", "never", -1])
def test_another_check_of_the_certificate_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"RedisSettings\.ssl_cert_reqs cannot be used: write required"):
        RedisSettings(ssl_cert_reqs=given)


@pytest.mark.parametrize("make", [async_client, sync_client])
def test_without_a_check_of_the_certificate_its_name_is_not_checked_either(make: Any) -> None:
    """Python refuses the combination, in redis-py 5.3 at each connection."""
    chosen = RedisSettings.from_dsn("rediss://cache?ssl_cert_reqs=none")
    assert make(chosen).connection_pool.connection_kwargs["ssl_check_hostname"] is False
