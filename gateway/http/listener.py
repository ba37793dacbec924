"""Opening the port that a door is served on."""

import errno
import os
import socket

from aiohttp.web import BaseSite, ServerRunner, SockSite, TCPSite

from jobgate.gateway.http.connection import HttpServer

_BACKLOG = 1024


class PortError(Exception):
    """The port cannot be opened: the message says why."""


async def listen(server: HttpServer, host: str, port: int, *, shutdown: float) -> tuple[ServerRunner, str]:
    """Serve on a port; return the runner, whose cleanup ends that, and the URL.

    Args:
        server: Makes the connections.
        host: The address; `::` means all addresses, including those of IPv4.
        port: 0 = any free port.
        shutdown: Seconds for open requests to end once the runner is cleaned up.

    Raises:
        PortError: The port cannot be opened.
    """
    # aiohttp grants this time twice: for open requests to end, and again once they are cancelled.
    runner = ServerRunner(server, shutdown_timeout=shutdown / 2)
    await runner.setup()
    try:
        await _site(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise PortError(_why_not(error, host, port)) from error
    return runner, f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}"


def _site(runner: ServerRunner, host: str, port: int) -> BaseSite:
    # By itself asyncio binds `::` for IPv6 only, whatever the system's default is.
    if host == "::" and socket.has_dualstack_ipv6():
        both = socket.create_server(
            (host, port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
        )
        return SockSite(runner, both, backlog=_BACKLOG)
    return TCPSite(runner, host, port, backlog=_BACKLOG)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use: stop the program that uses it, or choose another port."
    # asyncio puts the address into the text; errors of name resolution have negative numbers.
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return f"Port {port} of {host} cannot be opened: {why}."
