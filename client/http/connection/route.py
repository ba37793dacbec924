"""The way to a gateway: its URL or its Unix socket, a proxy between, and whose certificates are trusted."""

import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from jobgate.client.errors import InvalidOption
from jobgate.client.network import Network

#: Scheme of the URL of a Unix socket, whose path is percent-encoded in the place of the host.
UNIX: Final = "http+unix"
_KEY_INSTEAD: Final = "a gateway takes a key, not a password: pass Client(url, key=…)"
#: Seconds after which an idle connection is closed: sooner than gateways and proxies close theirs.
IDLE_TIMEOUT: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """The way to one gateway."""

    #: What paths are added to; no slash at its end.
    url: str
    #: The same for messages: as the user wrote it.
    shown: str
    #: Path of the Unix socket; None = the URL says where to connect.
    socket: str | None = None
    proxy: str | None = None
    #: Decides which certificates are trusted; None = the system's CAs.
    context: ssl.SSLContext | None = None

    @property
    def is_direct(self) -> bool:
        """Whether connections lead to the host of the URL."""
        return self.socket is None and self.proxy is None

    def connector(self, limit: int) -> aiohttp.BaseConnector:
        """Return what opens at most so many connections."""
        if self.socket is not None:
            return aiohttp.UnixConnector(self.socket, limit=limit, keepalive_timeout=IDLE_TIMEOUT)
        trusted = True if self.context is None else self.context
        return aiohttp.TCPConnector(limit=limit, keepalive_timeout=IDLE_TIMEOUT, ssl=trusted)


def route_to(url: str, shown: str, network: Network) -> Route:
    """Return the way to the gateway with this URL; `shown` is the URL without a password.

    Raises:
        InvalidOption: The URL or an option is wrong, or one does not go with the other.
    """
    if url.lower().startswith(f"{UNIX}://"):
        return _to_socket(url, shown, network)
    try:
        parsed = URL(url)
    except ValueError:
        raise InvalidOption(f"{shown!r} is not a URL") from None
    if parsed.user is not None or parsed.password is not None:
        raise InvalidOption(_KEY_INSTEAD)
    if not parsed.host or parsed.query_string or parsed.fragment:
        raise InvalidOption(f"{shown!r} must name a host, and must not have a query or a fragment")
    if parsed.scheme != "https" and (network.ca_file is not None or network.ssl is not None):
        raise InvalidOption("ca_file and ssl are for certificates: use them with an https:// address")
    base = str(parsed).rstrip("/")
    return Route(url=base, shown=base, proxy=_proxy(parsed, network), context=_context(network))


def _to_socket(url: str, shown: str, network: Network) -> Route:
    if shown != url:
        raise InvalidOption(_KEY_INSTEAD)
    place, slash, path = url[len(f"{UNIX}://") :].partition("/")
    if not place or "?" in path or "#" in path:
        raise InvalidOption(
            f"{url!r} must name a socket with its path percent-encoded, such as http+unix://%2Frun%2Fjobgate.sock"
        )
    if network.proxy is not None or network.ca_file is not None or network.ssl is not None:
        raise InvalidOption(
            "a Unix socket has no proxy and no certificates: leave out proxy, ca_file and ssl"
        )
    base = str(URL(f"http://localhost{slash}{path}")).rstrip("/")
    return Route(url=base, shown=url.rstrip("/"), socket=unquote(place))


def _context(network: Network) -> ssl.SSLContext | None:
    if network.ca_file is None:
        return network.ssl
    if network.ssl is not None:
        raise InvalidOption("ca_file and ssl exclude each other: load the file into the context")
    try:
        return ssl.create_default_context(cafile=network.ca_file)
    except OSError as error:
        # An SSLError is one too; its text is about the library.
        why = "it holds no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise InvalidOption(f"ca_file {str(network.ca_file)!r} cannot be used: {why}") from None
    except ValueError:  # a null character
        raise InvalidOption(f"ca_file {str(network.ca_file)!r} is not the name of a file") from None


def _proxy(url: URL, network: Network) -> str | None:
    proxy, name = network.proxy, "proxy"
    if proxy is None and network.trust_env and not proxy_bypass(url.host or ""):
        name = f"{url.scheme}_proxy"
        proxy = getproxies().get(url.scheme)
    if proxy is None:
        return None
    try:
        parsed = URL(proxy)
    except ValueError:
        parsed = URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InvalidOption(
            f"{name} must be the http:// URL of a proxy, such as http://proxy.example.com:3128"
        )
    return proxy
