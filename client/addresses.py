"""Choice of a client's transport by its address."""

import re

from jobgate.client.errors import InvalidOption, MissingExtra
from jobgate.client.metrics import ClientMetrics
from jobgate.client.network import Network
from jobgate.client.operate import OperatedTransport

_HTTP = frozenset({"http", "https", "http+unix"})
_REDIS = frozenset({"redis", "rediss", "unix", "redis+sentinel"})
#: Packages that Redis addresses need; the base install lacks them.
_REDIS_PACKAGES = frozenset({"hiredis", "redis"})

#: What an Authorization header may contain after `Bearer `.
_KEY = re.compile(r"[\x21-\x7e]+")


def shown(url: str) -> str:
    """Return an address without its user and password, for messages."""
    return re.sub(r"//[^/?#]*@", "//…@", url)


def transport_for(
    url: str,
    *,
    key: str | None,
    request_timeout: float,
    max_connections: int,
    serializer: str | None,
    namespace: str | None,
    metrics: ClientMetrics,
    network: Network,
) -> OperatedTransport:
    """Return a transport that is not open yet. Arguments are those of `Client`.

    Raises:
        InvalidOption: The address or an option is wrong.
        MissingExtra: The packages for Redis are not installed.
    """
    scheme = url.partition("://")[0].lower()
    if scheme in _HTTP:
        if serializer is not None or namespace is not None:
            raise InvalidOption(
                "serializer and namespace are settings of the gateway: leave them out for an http address"
            )
        return _http(url, key, request_timeout, max_connections, metrics, network)
    if scheme in _REDIS:
        if key is not None:
            raise InvalidOption("a key is only for a gateway: put the password of Redis into the URL")
        if network != Network():
            raise InvalidOption(
                "proxy, ca_file, ssl, trust_env are only for a gateway: Redis takes ssl_ca_certs in its URL"
            )
        return _redis(url, request_timeout, serializer or "json", namespace)
    raise InvalidOption(
        f"{shown(url)!r} is not an address of a gateway (http, https, http+unix) "
        "or of Redis (redis, rediss, unix, redis+sentinel)"
    )


def _http(
    url: str,
    key: str | None,
    request_timeout: float,
    max_connections: int,
    metrics: ClientMetrics,
    network: Network,
) -> OperatedTransport:
    # Not at the top: workers and callers of `jobgate.arq` use Redis alone, and would start a third slower.
    from jobgate.client.http import Exchange, HttpTransport, route_to  # noqa: PLC0415

    route = route_to(url, shown(url), network)
    exchange = Exchange(route, headers=_headers(key), max_connections=max_connections, metrics=metrics)
    return HttpTransport(exchange, request_timeout=request_timeout)


def _headers(key: str | None) -> dict[str, str]:
    headers = {"Accept": "application/json, application/problem+json", "User-Agent": "jobgate-client"}
    if key is None:
        return headers
    if not _KEY.fullmatch(key):
        raise InvalidOption("the key has characters that are not allowed: is there a line break at its end?")
    return headers | {"Authorization": f"Bearer {key}"}


def _redis(url: str, request_timeout: float, serializer: str, namespace: str | None) -> OperatedTransport:
    try:
        # Not at the top: the base install, for HTTP alone, has no Redis library.
        from jobgate.client.redis import RedisTransport  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _REDIS_PACKAGES:
            raise
        raise MissingExtra from None
    try:
        return RedisTransport(
            url, request_timeout=request_timeout, serializer=serializer, namespace=namespace
        )
    except ValueError as error:
        raise InvalidOption(f"{shown(url)!r} cannot be used: {error}") from None
