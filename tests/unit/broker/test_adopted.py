"""What the broker learns from the clients and pools that a user has already."""

import ssl
from typing import Any

import pytest
import redis
from redis import CredentialProvider
from redis.asyncio import (
    BlockingConnectionPool,
    ConnectionPool,
    Redis,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.sentinel import Sentinel

from jobgate.broker import RedisSettings
from jobgate.broker.link.adopted import settings_of
from jobgate.broker.link.settings import async_client


class Passwords(CredentialProvider):
    def get_credentials(self) -> tuple[str, str]:
        return "u", "p"


PASSWORDS = Passwords()
WATCHERS = [("s1", 26379), ("s2", 26380)]


def sentinel(**options: Any) -> Sentinel:
    return Sentinel(WATCHERS, **options)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(Redis(), RedisSettings(), id="client"),
        pytest.param(redis.Redis(), RedisSettings(), id="blocking client"),
        pytest.param(
            Redis(host="h", port=1, db=2, username="u", password="p"),
            RedisSettings("h", 1, database=2, username="u", password="p"),
            id="client with all",
        ),
        pytest.param(
            ConnectionPool.from_url("redis://u:p@h:1/2"),
            RedisSettings("h", 1, database=2, username="u", password="p"),
            id="pool of a URL",
        ),
        pytest.param(
            BlockingConnectionPool(host="h", max_connections=3),
            RedisSettings("h", max_connections=3),
            id="bounded pool",
        ),
        pytest.param(
            ConnectionPool(connection_class=UnixDomainSocketConnection, path="/s"),
            RedisSettings(unix_socket_path="/s"),
            id="socket",
        ),
        pytest.param(
            ConnectionPool(connection_class=SSLConnection, ssl_ca_certs="/ca", ssl_check_hostname=True),
            RedisSettings(ssl=True, ssl_ca_certs="/ca", ssl_check_hostname=True),
            id="TLS",
        ),
        pytest.param(
            sentinel(sentinel_kwargs={"password": "sp"}).master_for("m", password="p", db=1),
            RedisSettings(
                WATCHERS, sentinel=True, sentinel_master="m", sentinel_password="sp", password="p", database=1
            ),
            id="Sentinel",
        ),
        pytest.param("redis://h:1/2", RedisSettings("h", 1, database=2), id="URL"),
        pytest.param(RedisSettings("h"), RedisSettings("h"), id="settings"),
    ],
)
def test_settings_are_read_from(value: object, expected: RedisSettings) -> None:
    found = settings_of(value)
    found.conn_timeout = expected.conn_timeout
    if expected.max_connections is None:
        found.max_connections = None  # redis-py bounds its pools from release 8 on
    assert found == expected


def test_the_check_of_the_host_is_that_of_the_users_redis_py() -> None:
    pool = ConnectionPool.from_url("rediss://h")
    context = pool.make_connection().ssl_context  # type: ignore[no-untyped-call]
    assert settings_of(pool).ssl_check_hostname is context.check_hostname


def test_what_there_is_no_field_for_goes_along() -> None:
    given: dict[str, Any] = {
        "credential_provider": PASSWORDS,
        "client_name": "mine",
        "ssl_min_version": ssl.TLSVersion.TLSv1_3,
    }
    settings = settings_of(ConnectionPool(connection_class=SSLConnection, host="h", **given))
    assert settings.options == given
    assert "mine" not in repr(settings)
    made = async_client(settings).connection_pool.connection_kwargs
    assert {name: made[name] for name in given} == given


def test_replicas_take_no_jobs() -> None:
    with pytest.raises(ValueError, match="master_for"):
        settings_of(sentinel().slave_for("m"))


@pytest.mark.parametrize("value", [None, 3, object()])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="RedisSettings or a URL"):
        settings_of(value)
