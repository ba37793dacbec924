"""Where a gateway listens: ports and Unix sockets, and the certificate that it shows there."""

from jobgate.gateway.listening.certificate import Certificate
from jobgate.gateway.listening.listener import Listener, OpenSockets, Place, TcpPort, UnixSocket, listen
from jobgate.gateway.listening.reservation import Reservation, reserve

__all__ = [
    # Where to listen
    "OpenSockets", "Place", "TcpPort", "UnixSocket",
    # Listening there
    "Certificate", "Listener", "Reservation", "listen", "reserve",
]  # fmt: skip
