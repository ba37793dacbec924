"""Reverse proxies in front of the gateway: whose headers are believed, and what these say of the client.

Anybody can send these headers. So they are read only on connections that come from a named proxy, and only
one kind of header is read: a proxy writes one kind, and passes the other on as its client sent it.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, Literal

from aiohttp.web import BaseRequest

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: The header in which proxies name their client: the common one, or that of RFC 7239.
ProxyHeader = Literal["x-forwarded-for", "forwarded"]

#: The address of peers on a Unix socket, which have none.
UNIX: Final = "unix"
#: Stands for the address of a peer that hung up before it was asked for.
_GONE: Final = "unknown"
#: Most proxies between a client and the gateway; what lies beyond them is not looked at.
_MOST_HOPS: Final = 32
#: Most characters of their headers that are looked at, from the end on.
_LONGEST: Final = 4096
#: An address as proxies write it: IPv6 perhaps in brackets, and either perhaps with a port.
_NODE: Final = re.compile(
    r"\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?|([0-9.]{7,15}):[0-9]{1,5}|([0-9A-Fa-f:.]{2,45})"
)
#: One parameter of an element of `Forwarded`.
_PARAMETER: Final = re.compile(
    r'\s*([\w!#$%&\'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))\s*(?:;|$)', re.ASCII
)


class Proxies:
    """The reverse proxies whose headers are believed.

    Args:
        trusted: Addresses and networks, such as `10.0.0.7` or `10.0.0.0/8`; `unix` = all peers on a Unix
            socket.
        header: The header in which they name their client.

    Raises:
        ValueError: One of `trusted` is not an address, a network or `unix`.
    """

    def __init__(self, trusted: Iterable[str] = (), header: ProxyHeader = "x-forwarded-for") -> None:
        names = frozenset(trusted)
        self._header: ProxyHeader = header
        self._trusts_unix = UNIX in names
        self._networks = [_network(name) for name in sorted(names - {UNIX})]

    def client_of(self, request: BaseRequest) -> str:
        """Return the address of a request's client, in its shortest form; `unix` for one on a Unix socket.

        It is the address nearest to the gateway that is not a trusted proxy's. Where a proxy says nothing
        that can be read, it is the proxy itself.
        """
        client = peer_of(request)
        if not self._trusts(client):
            return client
        for _, node in zip(range(_MOST_HOPS), self._clients(request), strict=False):
            address = _address(node)
            if address is None:
                break
            client = str(address)
            if not self._trusts(client):
                break
        return client

    def hosts_of(self, request: BaseRequest) -> tuple[str, ...]:
        """Return the names by which the client may have called, in lower case: `Host`, and what a proxy says.

        A page of another site cannot set the proxy's header unless the browser has asked for permission.
        With DNS rebinding (a name of its own that leads to this machine) it can: so this header alone does
        not let a request in on loopback.
        """
        host = request.headers.get("Host", "").lower()
        if (self._networks or self._trusts_unix) and self._trusts(peer_of(request)):
            forwarded = self._forwarded_host(request).lower()
            return (host, forwarded) if forwarded else (host,)
        return (host,)

    def _trusts(self, client: str) -> bool:
        if client == UNIX:
            return self._trusts_unix
        return bool(self._networks) and _is_within(client, self._networks)

    def _clients(self, request: BaseRequest) -> Iterator[str]:
        """Yield what proxies say of their clients, the nearest proxy first."""
        if self._header == "forwarded":
            return (_parameters(each).get("for", "") for each in _elements(request, "Forwarded"))
        return _elements(request, "X-Forwarded-For")

    def _forwarded_host(self, request: BaseRequest) -> str:
        if self._header == "forwarded":
            return _parameters(next(_elements(request, "Forwarded"), "")).get("host", "")
        return next(_elements(request, "X-Forwarded-Host"), "")


def peer_of(request: BaseRequest) -> str:
    """Return the address at the other end of a connection, in its shortest form.

    `unix` stands for every peer on a Unix socket, `unknown` for one that was gone at once.
    """
    remote = request.remote
    if not remote:
        return _GONE if remote is None else UNIX
    return _shortest(remote)


@lru_cache(maxsize=1024)
def _shortest(remote: str) -> str:
    address = _address(remote.partition("%")[0])
    return remote if address is None else str(address)


def _network(name: str) -> _Network:
    try:
        return ipaddress.ip_network(name)
    except ValueError as error:
        raise ValueError(
            f"{name!r} is not an address, a network such as 10.0.0.0/8, or unix: {error}"
        ) from error


@lru_cache(maxsize=1024)
def _address(node: str) -> _Address | None:
    """Return the address in a node's name; None if it is a name of another kind."""
    found = _NODE.fullmatch(node)
    if found is None:
        return None
    try:
        address = ipaddress.ip_address(found[found.lastindex or 0])
    except ValueError:
        return None
    # A socket for both kinds shows 10.0.0.7 as ::ffff:10.0.0.7.
    return getattr(address, "ipv4_mapped", None) or address


def _is_within(client: str, networks: Iterable[_Network]) -> bool:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _elements(request: BaseRequest, header: str) -> Iterator[str]:
    """Yield the elements of a list in headers, the last one first: a proxy adds its own at the end.

    So what stands before, which a client may have sent, cannot change how the last ones are read.
    """
    text = ",".join(request.headers.getall(header, []))
    end, is_quoted = len(text), False
    for place in range(end - 1, max(0, end - _LONGEST) - 1, -1):
        if text[place] == '"' and not _is_escaped(text, place):
            is_quoted = not is_quoted
        elif text[place] == "," and not is_quoted:
            yield text[place + 1 : end].strip()
            end = place
    if len(text) <= _LONGEST:
        yield text[:end].strip()


def _is_escaped(text: str, place: int) -> bool:
    first = place
    while first and text[first - 1] == "\\":
        first -= 1
    return (place - first) % 2 == 1


def _parameters(element: str) -> dict[str, str]:
    """Return the parameters of an element of `Forwarded`; none if it cannot be read."""
    found: dict[str, str] = {}
    place = 0
    while place < len(element):
        parameter = _PARAMETER.match(element, place)
        if parameter is None:
            return {}
        name, quoted, plain = parameter.groups()
        found.setdefault(name.lower(), plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        place = parameter.end()
    return found
