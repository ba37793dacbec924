"""Opening the port, or the Unix socket, that a door is served on."""

import asyncio
import errno
import os
import socket
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aiohttp.web import BaseSite, ServerRunner

from jobgate.gateway.http import HttpServer
from jobgate.gateway.listening.unix_socket import SocketFile
from jobgate.gateway.settings import GatewayError

#: Most connections that wait to be accepted.
BACKLOG: Final = 1024
#: Seconds for a client to confirm the end of a TLS connection.
_TLS_SHUTDOWN: Final = 1.0
#: Since Python 3.13 a loop removes the file of a Unix socket that it closes, on which others may listen.
_KEEP_FILE: Final[dict[str, Any]] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}


@dataclass(frozen=True, slots=True)
class TcpPort:
    """A port of this machine."""

    #: The address; `::` means all addresses, including those of IPv4.
    host: str
    #: 0 = any free port.
    port: int
    #: Whether other processes of this user may listen on it too: each gets a part of the connections.
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A socket in the file system."""

    path: Path
    #: Permissions of the file: who may write to it may connect.
    mode: int


@dataclass(frozen=True, slots=True)
class OpenSockets:
    """Sockets that listen already, inherited from the process that has opened them."""

    descriptors: tuple[int, ...]


#: Where a gateway can listen.
Place = TcpPort | UnixSocket | OpenSockets


class Listener:
    """An open port or Unix socket.

    Args:
        runner: Serves its connections.
        url: Its address.
        file: The file of a Unix socket.
    """

    def __init__(self, runner: ServerRunner, url: str, file: SocketFile | None) -> None:
        self.url = url
        self._runner = runner
        self._file = file

    async def close(self) -> None:
        """End it, after the time for open requests to end; remove the file of a Unix socket."""
        await self._runner.cleanup()
        if self._file is not None:
            self._file.remove()


async def listen(
    server: HttpServer,
    place: Place,
    *,
    shutdown: float,
    tls: ssl.SSLContext | None = None,
    handshake_deadline: float = 10.0,
) -> Listener:
    """Serve on a port, on a Unix socket, or on sockets that are open already.

    Args:
        server: Makes the connections.
        place: Where to listen.
        shutdown: Seconds for open requests to end once the listener is closed.
        tls: The certificate to show; None = plain HTTP.
        handshake_deadline: Seconds for a TLS handshake.

    Raises:
        GatewayError: The port or the socket cannot be opened.
    """
    # aiohttp grants this time twice: for open requests to end, and again once they are cancelled.
    runner = ServerRunner(server, shutdown_timeout=shutdown / 2)
    await runner.setup()
    file: SocketFile | None = None
    try:
        opened: list[TcpPort | socket.socket]
        if isinstance(place, UnixSocket):
            file = SocketFile(place.path, mode=place.mode, backlog=BACKLOG)
            opened = [file.socket]
        elif isinstance(place, OpenSockets):
            opened = [socket.socket(fileno=descriptor) for descriptor in place.descriptors]
        else:
            opened = [place]
        for each in opened:
            await _Site(runner, server, each, tls, handshake_deadline).start()
    except (OSError, GatewayError) as error:
        await Listener(runner, "", file).close()
        raise error if isinstance(error, GatewayError) else GatewayError(why_not(error, place)) from error
    return Listener(runner, _url(place, runner, "http" if tls is None else "https"), file)


class _Site(BaseSite):
    """aiohttp's own sites have no deadline for handshakes."""

    __slots__ = ("_connections", "_handshake_deadline", "_open")

    def __init__(
        self,
        runner: ServerRunner,
        server: HttpServer,
        opened: TcpPort | socket.socket,
        tls: ssl.SSLContext | None,
        handshake_deadline: float,
    ) -> None:
        super().__init__(runner, ssl_context=tls, backlog=BACKLOG)
        self._connections = server
        self._open = opened
        self._handshake_deadline = handshake_deadline

    @property
    def name(self) -> str:
        """A name for error messages of aiohttp."""
        return str(self._open)

    async def start(self) -> None:
        """Open it; raises `OSError`."""
        await super().start()
        loop, server = asyncio.get_running_loop(), self._connections
        tls: dict[str, Any] = {}
        if self._ssl_context is not None:
            tls["ssl"] = self._ssl_context
            tls["ssl_handshake_timeout"] = self._handshake_deadline
            tls["ssl_shutdown_timeout"] = _TLS_SHUTDOWN
        if not isinstance(self._open, socket.socket):
            self._server = await loop.create_server(server, **address(self._open), backlog=BACKLOG, **tls)
        elif self._open.family == socket.AF_UNIX:
            self._server = await loop.create_unix_server(
                server, sock=self._open, backlog=BACKLOG, **_KEEP_FILE
            )
        else:
            self._server = await loop.create_server(server, sock=self._open, backlog=BACKLOG, **tls)


def address(place: TcpPort) -> dict[str, Any]:
    """Return the arguments of `loop.create_server` for a port."""
    if place.host == "::" and socket.has_dualstack_ipv6():
        return {"sock": _dual_stack(place)}
    return {"host": place.host, "port": place.port, "reuse_port": place.is_shared or None}


def _dual_stack(place: TcpPort) -> socket.socket:
    """Return a socket bound for IPv6 and IPv4: by itself asyncio binds `::` for IPv6 only."""
    made = socket.socket(socket.AF_INET6)
    try:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if place.is_shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((place.host, place.port))
    except OSError:
        made.close()
        raise
    return made


def _url(place: Place, runner: ServerRunner, scheme: str) -> str:
    if isinstance(place, OpenSockets):
        return ""
    return url_of(place, scheme, 0 if isinstance(place, UnixSocket) else int(runner.addresses[0][1]))


def url_of(place: TcpPort | UnixSocket, scheme: str, port: int) -> str:
    """Return the URL of a place.

    Args:
        place: The place.
        scheme: `http` or `https`.
        port: The port that is open, where the place is one.
    """
    if isinstance(place, UnixSocket):
        return f"http+unix://{quote(str(place.path.absolute()), safe='')}"
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"{scheme}://{host}:{port}"


def why_not(error: OSError, place: Place) -> str:
    """Return a sentence on why a place cannot be listened on."""
    if isinstance(place, UnixSocket):
        return f"The socket {place.path} cannot be opened: {error.strerror or error}."
    if isinstance(place, OpenSockets):
        return f"The sockets of the supervisor cannot be used: {error.strerror or error}."
    host, port = place.host, place.port
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use: stop the program that uses it, or choose another port."
    # asyncio puts the address into the text; errors of name resolution have negative numbers.
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return f"Port {port} of {host} cannot be opened: {why}."
