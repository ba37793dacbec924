"""A port or a Unix socket that is opened once, for several processes to listen on."""

import asyncio
import socket
import sys
from dataclasses import dataclass

from jobgate.gateway.listening.listener import (
    BACKLOG,
    OpenSockets,
    Place,
    TcpPort,
    UnixSocket,
    address,
    url_of,
    why_not,
)
from jobgate.gateway.listening.unix_socket import SocketFile
from jobgate.gateway.settings import GatewayError


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place that is kept, while this process lives, for processes that listen on it."""

    #: Where each of them listens.
    place: Place
    url: str
    _sockets: tuple[socket.socket, ...]
    _file: SocketFile | None = None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The descriptors that the processes must inherit."""
        return self.place.descriptors if isinstance(self.place, OpenSockets) else ()

    def close(self) -> None:
        """Give it up; remove the file of a Unix socket."""
        for each in self._sockets:
            each.close()
        if self._file is not None:
            self._file.remove()


async def reserve(place: TcpPort | UnixSocket, scheme: str) -> Reservation:
    """Reserve a place, or raise `GatewayError` where it cannot be opened.

    On Linux each process opens the port for itself, and the kernel spreads connections evenly (SO_REUSEPORT).
    This process holds the port without listening, so that no other program gets it while all are away. A Unix
    socket, and a port on other systems, is opened here: processes that are idle take connections from it.

    Args:
        place: Where to listen.
        scheme: `http` or `https`, for the URL.
    """
    if isinstance(place, UnixSocket):
        file = SocketFile(place.path, mode=place.mode, backlog=BACKLOG)
        return _opened(place, scheme, (file.socket,), file)
    try:
        sockets = await _bound(place)
    except OSError as error:
        raise GatewayError(why_not(error, place)) from error
    if not _spreads_evenly():
        for each in sockets:
            each.listen(BACKLOG)
        return _opened(place, scheme, sockets)
    port = _port_of(sockets)
    for each in sockets:
        # Only now: until here a program that listens on the port is an error, whatever options it uses.
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return Reservation(TcpPort(place.host, port, is_shared=True), url_of(place, scheme, port), sockets)


def _spreads_evenly() -> bool:
    """Whether the kernel spreads connections over processes that listen on one port; macOS and BSD do not."""
    return sys.platform == "linux"


def _opened(
    place: TcpPort | UnixSocket,
    scheme: str,
    sockets: tuple[socket.socket, ...],
    file: SocketFile | None = None,
) -> Reservation:
    port = 0 if file is not None else _port_of(sockets)
    url = url_of(place, scheme, port)
    return Reservation(OpenSockets(tuple(each.fileno() for each in sockets)), url, sockets, file)


def _port_of(sockets: tuple[socket.socket, ...]) -> int:
    return int(sockets[0].getsockname()[1])


async def _bound(place: TcpPort) -> tuple[socket.socket, ...]:
    """Return sockets bound to all addresses of the host, with one port, as `listen` would open them."""
    options = address(place)
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, **options, start_serving=False)
    sockets = tuple(each.dup() for each in server.sockets)
    server.close()
    if len({each.getsockname()[1] for each in sockets}) == 1:
        return sockets
    # Port 0 of a name with several addresses, such as `localhost`: each got another port.
    port = _port_of(sockets)
    for each in sockets:
        each.close()
    return await _bound(TcpPort(place.host, port))
