"""Settings from a client or a connection pool of redis-py that the user already has.

The broker opens its own connections, because it needs them in a certain state (RESP2, bytes, no retries, no
socket timeout) and because a caller that waits must not take one from others. They are of the same kind as
the user's: if their class is not redis-py's own, the broker uses that class with its arguments. A pool that
only makes its own connections is refused.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from redis.asyncio.connection import AbstractConnection

from jobgate.broker.link.settings import RedisSettings
from jobgate.broker.link.user_connections import Given, parameters

#: Arguments of redis-py's connections that are kept although RedisSettings has no field for them.
_FURTHER = frozenset({"client_name", "credential_provider"})
#: Our fields -> redis-py's arguments, where the names differ.
_RENAMED = {
    "unix_socket_path": "path",
    "database": "db",
    "conn_timeout": "socket_connect_timeout",
}
#: What redis-py uses as an unlimited number of connections.
_UNBOUNDED = 2**31
_SSL_FIELDS = frozenset(each.name for each in fields(RedisSettings) if each.name.startswith("ssl_"))


def settings_of(value: object) -> RedisSettings:
    """Return the settings with which `value` connects.

    Args:
        value: Anything that `RedisSettings.of` accepts, or a client or connection pool of redis-py, including
            a Sentinel's.

    Raises:
        ValueError: It is none of these, a Sentinel's pool of replicas, or a pool that only makes its own
            connections.
    """
    pool: Any = getattr(value, "connection_pool", value)
    given = getattr(pool, "connection_kwargs", None)
    if not isinstance(given, Mapping):
        return RedisSettings.of(value)
    known = _plain(given) | _tls(pool, given) | _sentinel(pool)
    most: int = getattr(pool, "max_connections", _UNBOUNDED)
    bound = most if most < _UNBOUNDED else None
    if _makes_redis_pys(pool):
        return RedisSettings(**known, max_connections=bound, options=_options(given))
    _check_kind(pool)
    return RedisSettings(
        **known, max_connections=bound, given=Given(pool.connection_class, dict(given), bound)
    )


def _makes_redis_pys(pool: Any) -> bool:
    """Return whether settings can describe a pool's connections completely."""
    kinds = (type(pool), pool.connection_class)
    return all(map(_is_known, kinds)) and not pool.connection_kwargs.get("redis_connect_func")


def _check_kind(pool: Any) -> None:
    kind = type(pool).__qualname__
    if not _is_known(type(pool)):
        raise ValueError(
            f"A {kind} makes its own connections, which cannot be used for jobs: pass a "
            "ConnectionPool of redis.asyncio with your own connection_class, or RedisSettings."
        )
    if getattr(pool, "sentinel_manager", None) is not None:
        raise ValueError(
            f"A {kind} with connections of the class {pool.connection_class.__qualname__} cannot be used for "
            "jobs: leave connection_class out, or pass RedisSettings."
        )
    if not issubclass(pool.connection_class, AbstractConnection):
        raise ValueError(
            f"{pool.connection_class.__qualname__} cannot be used for jobs, which need connections of "
            "redis.asyncio: pass a pool of those, or RedisSettings."
        )


def _is_known(kind: type) -> bool:
    """Return whether a class is redis-py's or ours, and not a subclass from elsewhere."""
    return kind.__module__.partition(".")[0] in ("redis", "jobgate")


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    names = {name: name for name in ("host", "port", "username", "password")} | _RENAMED
    found = {ours: given.get(theirs) for ours, theirs in names.items()}
    found["database"] = int(found["database"] or 0)
    return {name: value for name, value in found.items() if value is not None}


def _tls(pool: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Read the TLS settings; the class of a pool's connections shows whether it uses TLS."""
    known = parameters(pool.connection_class)
    if "ssl_cert_reqs" not in known:
        return {}
    # The default of ssl_check_hostname differs between releases of redis-py.
    chosen = {"ssl_check_hostname": known["ssl_check_hostname"].default, **given}
    return {"ssl": True} | {name: chosen[name] for name in _SSL_FIELDS if chosen.get(name) is not None}


def _sentinel(pool: Any) -> dict[str, Any]:
    manager = getattr(pool, "sentinel_manager", None)
    if manager is None:
        return {}
    if not pool.is_master:
        raise ValueError("This pool leads to replicas, which take no jobs: pass one from master_for().")
    watchers = [watcher.connection_pool.connection_kwargs for watcher in manager.sentinels]
    return {
        "host": [(given["host"], int(given["port"])) for given in watchers],
        "sentinel": True,
        "sentinel_master": pool.service_name,
        "sentinel_username": watchers[0].get("username"),
        "sentinel_password": watchers[0].get("password"),
    }


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in given.items()
        if value is not None and (name in _FURTHER or (name.startswith("ssl_") and name not in _SSL_FIELDS))
    }
