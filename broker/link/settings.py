"""Where Redis is and how to connect: arq's `RedisSettings`, URLs, and the clients made from them."""

import dataclasses
import inspect
import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import ParseResult, unquote, urlparse

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.retry

from jobgate.broker.link.sentinels import async_master, sync_master
from jobgate.broker.link.url_options import SCHEMES, bad_url, cert_reqs, url_options
from jobgate.broker.link.user_connections import BlockingClient, Given

SENTINEL_PORT = 26379

#: Seconds until a command without an answer gives up its connection.
COMMAND_TIMEOUT = 5.0

#: Arguments of a connection that set its state, not where it leads.
_STATE = (
    "protocol", "decode_responses", "encoding_errors", "health_check_interval", "retry", "socket_timeout",
    "socket_connect_timeout",
)  # fmt: skip
#: Where Redis is unless a setting says otherwise.
DEFAULT_URL: Final = "redis://localhost:6379"


@dataclasses.dataclass
class RedisSettings:
    """Where Redis is: arq's fields with arq's defaults, and credentials for the Sentinels.

    Raises:
        ValueError: The fields contradict each other.
    """

    #: Name or address; with `sentinel`, a list of (host, port).
    host: str | list[tuple[str, int]] = "localhost"
    port: int = 6379
    #: Path of a Unix socket; used instead of host and port.
    unix_socket_path: str | None = None
    database: int = 0
    username: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    #: Connect over TLS.
    ssl: bool = False
    ssl_keyfile: str | None = None
    ssl_certfile: str | None = None
    #: `required`, `optional` or `none`; Python's constants such as `ssl.CERT_NONE` are accepted.
    ssl_cert_reqs: str = "required"
    ssl_ca_certs: str | None = None
    ssl_ca_data: str | None = None
    #: Whether the certificate must match the host. Off by default, as in arq; a `rediss://` URL turns it on.
    ssl_check_hostname: bool = False
    #: Timeout for connecting, in seconds.
    conn_timeout: float = 1
    #: Accepted for compatibility with arq; the broker reconnects by itself within its deadline.
    conn_retries: int = 5
    #: Accepted for compatibility with arq.
    conn_retry_delay: float = 1
    #: None = unlimited.
    max_connections: int | None = None
    #: Ask the Sentinels in `host` for the master.
    sentinel: bool = False
    sentinel_master: str = "mymaster"
    #: Accepted for compatibility with arq; the broker itself decides what may be repeated.
    retry_on_timeout: bool = False
    #: Accepted for compatibility with arq.
    retry_on_error: list[type[Exception]] | None = None
    #: Accepted for compatibility with arq.
    retry: Any = None
    #: Credentials for the Sentinels, which may differ from those of the master.
    sentinel_username: str | None = None
    sentinel_password: str | None = dataclasses.field(default=None, repr=False)
    #: Further arguments for redis-py's clients, such as `credential_provider` or `client_name`.
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    #: Connections of a class that the user wrote; used instead of all fields above.
    given: Given | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.host, str) == self.sentinel:
            wanted = "a list of (host, port)" if self.sentinel else "one name"
            raise ValueError(f"RedisSettings.host must be {wanted} when sentinel={self.sentinel}.")
        try:
            self.ssl_cert_reqs = cert_reqs(self.ssl_cert_reqs)
        except ValueError as error:
            raise ValueError(f"RedisSettings.ssl_cert_reqs cannot be used: {error}.") from None

    @classmethod
    def from_dsn(cls, dsn: str) -> "RedisSettings":
        """Return the settings in a URL.

        `redis://[user:password@]host[:port][/database]`, `rediss://…` for TLS,
        `unix://[user:password@]/path[?db=0]`, and
        `redis+sentinel://[user:password@]host[:port],host[:port][/database]?master=name` (or
        `rediss+sentinel://`). Options after the `?` are `db`, `master`, `max_connections`,
        `conn_timeout`, `sentinel_username`, `sentinel_password`, `ssl_keyfile`, `ssl_certfile`,
        `ssl_cert_reqs`, `ssl_ca_certs`, `ssl_check_hostname`. Over TLS the certificate must match the
        host in the URL, unless `ssl_check_hostname=false` or `ssl_cert_reqs=none`.

        Raises:
            ValueError: The URL is wrong. The message never contains the password.
        """
        parsed, hosts = _parse(dsn)
        fields = _credentials(parsed) | _place(parsed, hosts)
        if parsed.scheme.startswith("rediss"):
            fields |= {"ssl": True, "ssl_check_hostname": True}
        return cls(**(fields | url_options(parsed.query, parsed.scheme)))

    @classmethod
    def of(cls, value: object) -> "RedisSettings":
        """Return a RedisSettings, a URL or arq's own RedisSettings as settings.

        arq's are recognised by their attributes, so arq need not be installed.

        Raises:
            ValueError: It is none of these.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls.from_dsn(value)
        if not (hasattr(value, "host") and hasattr(value, "database")):
            raise ValueError(f"Expected RedisSettings or a URL such as redis://localhost, got {type(value)}.")
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: getattr(value, name) for name in names if hasattr(value, name)})

    @property
    def address(self) -> str:
        """The address for messages and logs, without user and password."""
        if self.unix_socket_path:
            return f"unix://{self.unix_socket_path}"
        scheme = "rediss" if self.ssl else "redis"
        if isinstance(self.host, str):
            return f"{scheme}://{_host_port(self.host, self.port)}/{self.database}"
        hosts = ",".join(_host_port(host, port) for host, port in self.host)
        return f"{scheme}+sentinel://{hosts}/{self.database}?master={self.sentinel_master}"


def async_client(settings: RedisSettings, **over: Any) -> redis.asyncio.Redis:
    """Return a client of redis-py that never repeats a command by itself; it connects on first use.

    Args:
        settings: Where Redis is.
        over: Arguments of `redis.asyncio.Redis` that override ours, such as `socket_timeout`.
    """
    options = _client_options(settings, redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0))
    if settings.given is not None:
        return settings.given.client(**{**_state(options), **over})
    if settings.sentinel:
        return async_master(**_master_of(settings, options, over))
    return redis.asyncio.Redis(**_direct(settings), **{**options, **over})


def unnamed() -> dict[str, Any]:
    """Return arguments that stop a connection from sending the library's name, which takes two commands."""
    names = inspect.signature(redis.asyncio.Redis.__init__).parameters
    return {"driver_info": None} if "driver_info" in names else {"lib_name": None, "lib_version": None}


def sync_client(settings: RedisSettings, **over: Any) -> redis.Redis:
    """Return a blocking client for a thread; arguments as in `async_client`."""
    options = _client_options(settings, redis.retry.Retry(redis.backoff.NoBackoff(), 0))
    if settings.given is not None:
        retry = redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0)
        own: Any = BlockingClient(settings.given, **{**_state(options), **over, "retry": retry})
        return cast("redis.Redis", own)
    if settings.sentinel:
        return sync_master(**_master_of(settings, options, over))
    return redis.Redis(**_direct(settings), **{**options, **over})


def _master_of(settings: RedisSettings, options: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "hosts": _hosts(settings),
        "name": settings.sentinel_master,
        "sentinel_options": _sentinel_options(settings, options["retry"]),
        "options": {**_given(options), **over},
    }


def _parse(url: str) -> tuple[ParseResult, list[str]]:
    """Split a URL into its parts and its hosts, each `host[:port]`."""
    url, hosts = _without_hosts(url)
    try:
        parsed = urlparse(url)
    except ValueError:
        raise bad_url("it cannot be parsed") from None
    if parsed.scheme not in SCHEMES:
        raise bad_url(f"its scheme must be one of {', '.join(SCHEMES)}")
    if parsed.fragment:
        raise bad_url("it has a fragment: write # in a password as %23")
    return parsed, hosts or [parsed.netloc.rpartition("@")[2]]


def _without_hosts(url: str) -> tuple[str, list[str]]:
    """Take the hosts out of a Sentinel URL: some releases of urllib refuse brackets in a list of hosts."""
    found = re.match(r"([a-z]+\+sentinel://)((?:[^/?#]*@)?)([^/?#]*)(.*)", url, re.DOTALL | re.IGNORECASE)
    if not found:
        return url, []
    scheme, credentials, hosts, rest = found.groups()
    return f"{scheme}{credentials}{rest}", hosts.split(",")


def _credentials(parsed: ParseResult) -> dict[str, Any]:
    found = {"username": parsed.username, "password": parsed.password}
    return {name: unquote(text) for name, text in found.items() if text}


def _place(parsed: ParseResult, hosts: list[str]) -> dict[str, Any]:
    if parsed.scheme == "unix":
        if parsed.hostname or parsed.path in {"", "/"}:
            raise bad_url("it must give the socket's absolute path, as in unix:///run/redis.sock")
        return {"unix_socket_path": unquote(parsed.path)}
    database = {"database": _database(parsed.path)}
    if parsed.scheme.endswith("+sentinel"):
        watchers = [_split(part, SENTINEL_PORT) for part in hosts]
        return {"host": watchers, "sentinel": True, **database}
    host, port = _split(hosts[0], 6379) if hosts[0] else ("localhost", 6379)
    return {"host": host, "port": port, **database}


def _split(text: str, default_port: int) -> tuple[str, int]:
    """Split `host[:port]`; an IPv6 address is in brackets."""
    try:
        parsed = urlparse(f"//{text}")
        host, port = parsed.hostname, parsed.port
    except ValueError:
        raise bad_url("a port must be a number up to 65535") from None
    if not host:
        raise bad_url("a host is missing")
    return host, default_port if port is None else port


def _database(path: str) -> int:
    text = path.strip("/")
    if text and not (text.isascii() and text.isdigit()):
        raise bad_url("its path must be the number of a database, as in redis://localhost/0")
    return int(text or 0)


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _hosts(settings: RedisSettings) -> Sequence[tuple[str, int]]:
    return [] if isinstance(settings.host, str) else [(host, int(port)) for host, port in settings.host]


def _direct(settings: RedisSettings) -> dict[str, Any]:
    if settings.unix_socket_path:
        return {"unix_socket_path": settings.unix_socket_path}
    return {"host": settings.host, "port": settings.port}


def _client_options(settings: RedisSettings, retry: Any) -> dict[str, Any]:
    return {
        "db": settings.database,
        "username": settings.username,
        "password": settings.password,
        "max_connections": settings.max_connections,
        **_connection_options(settings, retry),
        **settings.options,
    }


def _state(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that hold for every connection, wherever it leads."""
    return {"encoding": "utf-8", **{name: options[name] for name in _STATE}}


def _sentinel_options(settings: RedisSettings, retry: Any) -> dict[str, Any]:
    credentials = {"username": settings.sentinel_username, "password": settings.sentinel_password}
    return _given({**_connection_options(settings, retry), **credentials})


def _connection_options(settings: RedisSettings, retry: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        "protocol": 2,
        "decode_responses": False,
        # Ids that are not UTF-8 are decoded with surrogateescape, and must be encoded in the same way.
        "encoding_errors": "surrogateescape",
        "health_check_interval": 0,
        "retry": retry,
        "socket_timeout": COMMAND_TIMEOUT,
        "socket_connect_timeout": settings.conn_timeout,
    }
    if settings.unix_socket_path:
        return options
    options |= {"socket_keepalive": True, "socket_keepalive_options": _keepalive()}
    return options | _tls_options(settings) if settings.ssl else options


def _tls_options(settings: RedisSettings) -> dict[str, Any]:
    names = ["keyfile", "certfile", "cert_reqs", "ca_certs", "ca_data"]
    options = {f"ssl_{name}": getattr(settings, f"ssl_{name}") for name in names}
    # Python refuses to check the name in a certificate that it does not verify.
    is_checked = settings.ssl_check_hostname and settings.ssl_cert_reqs != "none"
    return {"ssl": True, "ssl_check_hostname": is_checked, **options}


def _keepalive() -> dict[int, int]:
    """Return options that detect a dead peer in 45 s: 30 s idle, then 3 probes. macOS lacks the first."""
    wanted = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Leave out options that are None: a Sentinel's pool has its own defaults."""
    return {name: value for name, value in options.items() if value is not None}
