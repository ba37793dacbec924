"""Where a gateway listens."""

import socket

from aiohttp.web import BaseSite, ServerRunner, SockSite, TCPSite

_BACKLOG = 1024


def site_of(runner: ServerRunner, host: str, port: int) -> BaseSite:
    """Return what listens there once it is started; `::` is every address, of IPv4 too.

    Raises:
        OSError: the address cannot be bound; `start` raises it too.
    """
    # By itself asyncio binds `::` for IPv6 only, whatever the system's default is.
    if host == "::" and socket.has_dualstack_ipv6():
        both = socket.create_server(
            (host, port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
        )
        return SockSite(runner, both, backlog=_BACKLOG)
    return TCPSite(runner, host, port, backlog=_BACKLOG)
