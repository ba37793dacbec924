"""Which transport an address needs."""

import re
from dataclasses import dataclass

from yarl import URL

from jobgate.client.errors import InvalidOption
from jobgate.client.http.exchange import Exchange
from jobgate.client.http.transport import HttpTransport
from jobgate.client.metrics import ClientMetrics
from jobgate.client.requirements import needs_redis
from jobgate.client.transport import Transport

_HTTP = frozenset({"http", "https"})
_REDIS = frozenset({"redis", "rediss", "unix", "redis+sentinel"})

#: What may stand in an Authorization header after `Bearer `.
_KEY = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """Where to connect and how; see `Client`."""

    url: str
    key: str | None
    request_timeout: float
    max_connections: int
    serializer: str | None
    namespace: str | None

    def __repr__(self) -> str:
        return f"Connection(url={shown(self.url)!r})"


def shown(url: str) -> str:
    """Return an address without its user and password, for texts."""
    return re.sub(r"//[^/?#]*@", "//…@", url)


def transport_for(connection: Connection, metrics: ClientMetrics) -> Transport:
    """Return a transport that is not open yet.

    Raises:
        InvalidOption: The address or an option is wrong.
        MissingExtra: The packages for Redis are not installed.
    """
    scheme = connection.url.partition("://")[0].lower()
    if scheme in _HTTP:
        return _http(connection, metrics)
    if scheme in _REDIS:
        return _redis(connection)
    raise InvalidOption(
        f"{shown(connection.url)!r} is no address of a gateway (http, https) "
        "or of Redis (redis, rediss, unix, redis+sentinel)"
    )


def _http(connection: Connection, metrics: ClientMetrics) -> Transport:
    if connection.serializer is not None or connection.namespace is not None:
        raise InvalidOption("serializer and namespace are the gateway's own settings: leave them out here")
    exchange = Exchange(
        _base_url(connection.url),
        headers=_headers(connection.key),
        max_connections=connection.max_connections,
        metrics=metrics,
    )
    return HttpTransport(exchange, request_timeout=connection.request_timeout)


def _base_url(url: str) -> str:
    try:
        parsed = URL(url)
    except ValueError:
        raise InvalidOption(f"{shown(url)!r} is no URL") from None
    if parsed.user is not None or parsed.password is not None:
        raise InvalidOption("a gateway knows keys, not passwords: pass Client(url, key=…) and leave them out")
    if not parsed.host or parsed.query_string or parsed.fragment:
        raise InvalidOption(f"{url!r} must name a host, and have neither query nor fragment")
    return str(parsed).rstrip("/")


def _headers(key: str | None) -> dict[str, str]:
    headers = {"Accept": "application/json, application/problem+json", "User-Agent": "jobgate-client"}
    if key is None:
        return headers
    if not _KEY.fullmatch(key):
        raise InvalidOption("the key has characters that no key has: is there a line break at its end?")
    return headers | {"Authorization": f"Bearer {key}"}


def _redis(connection: Connection) -> Transport:
    if connection.key is not None:
        raise InvalidOption("a key is for a gateway: Redis takes its password in the URL")
    with needs_redis():
        # Only here: the base install, for HTTP alone, has no Redis library.
        from jobgate.client.redis.transport import RedisTransport  # noqa: PLC0415
    return RedisTransport(connection)
