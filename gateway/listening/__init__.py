"""Where a gateway listens: ports and Unix sockets, and the certificate that it shows there."""

from jobgate.gateway.listening.certificate import Certificate
from jobgate.gateway.listening.listener import Listener, TcpPort, UnixSocket, listen

__all__ = ["Certificate", "Listener", "TcpPort", "UnixSocket", "listen"]
