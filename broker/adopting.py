"""Settings out of what the user has connected already: a client or a connection pool of redis-py.

The broker opens connections of its own to the same place, because it needs them in a certain state (RESP2,
bytes, no repetition, no timeout of the socket) and because a waiting caller must not take one from others.
"""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from jobgate.broker.settings import RedisSettings

#: Arguments of redis-py's connections that go along although RedisSettings has no field for them.
_FURTHER = frozenset({"client_name", "credential_provider"})
#: Our fields -> redis-py's arguments, where the names differ.
_RENAMED = {
    "unix_socket_path": "path",
    "database": "db",
    "conn_timeout": "socket_connect_timeout",
}
#: What redis-py takes for no bound of its connections.
_UNBOUNDED = 2**31
_SSL_FIELDS = frozenset(each.name for each in fields(RedisSettings) if each.name.startswith("ssl_"))


def settings_of(value: object) -> RedisSettings:
    """Return where `value` connects to.

    Args:
        value: what `RedisSettings.of` takes, or a client or a connection pool of redis-py, a Sentinel's too.

    Raises:
        ValueError: it is none of these, or a Sentinel's pool of replicas.
    """
    pool = getattr(value, "connection_pool", value)
    given = getattr(pool, "connection_kwargs", None)
    if not isinstance(given, Mapping):
        return RedisSettings.of(value)
    known = _plain(given) | _tls(pool, given) | _sentinel(pool)
    most: int = getattr(pool, "max_connections", _UNBOUNDED)
    return RedisSettings(
        **known, max_connections=most if most < _UNBOUNDED else None, options=_options(given)
    )


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    names = {name: name for name in ("host", "port", "username", "password")} | _RENAMED
    found = {ours: given.get(theirs) for ours, theirs in names.items()}
    found["database"] = int(found["database"] or 0)
    return {name: value for name, value in found.items() if value is not None}


def _tls(pool: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Read what concerns TLS, whose use a pool shows by the class of its connections."""
    parameters = _parameters(pool.connection_class)
    if "ssl_cert_reqs" not in parameters:
        return {}
    # The default of whether the host is checked differs between releases of redis-py.
    chosen = {"ssl_check_hostname": parameters["ssl_check_hostname"].default, **given}
    return {"ssl": True} | {name: chosen[name] for name in _SSL_FIELDS if chosen.get(name) is not None}


def _parameters(connection_class: type) -> dict[str, inspect.Parameter]:
    """All arguments of a connection's constructor, those that it hands on to its bases included."""
    found: dict[str, inspect.Parameter] = {}
    for each in reversed(connection_class.__mro__):
        if "__init__" in vars(each):
            found |= inspect.signature(each).parameters
    return found


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
