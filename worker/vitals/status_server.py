"""Serves /metrics and /livez from threads of its own, so that they work while the event loop is blocked."""

import contextlib
import io
import os
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from jobgate.worker.errors import WorkerError
from jobgate.worker.roles import Role
from jobgate.worker.vitals.liveness import Liveness
from jobgate.worker.vitals.metrics import WorkerMetrics

#: Seconds for a request from the connect to the end of its headers, and for writing the response.
HEADER_DEADLINE = 10.0
WRITE_DEADLINE = 5.0
#: Connections at the same time; another one closes the oldest.
MOST_CONNECTIONS = 64


class StatusServer(Role):
    """The worker's small HTTP server.

    Args:
        host: Address to listen on.
        port: Port; 0 = a free one; None = do not serve at all.
        metrics: What /metrics shows.
        liveness: What /livez reports.
    """

    def __init__(self, host: str, port: int | None, *, metrics: WorkerMetrics, liveness: Liveness) -> None:
        self._host, self._wanted_port = host, port
        self._metrics = metrics
        self._liveness = liveness
        self._server: _Server | None = None

    @property
    def port(self) -> int | None:
        """The port that it listens on; None while it does not serve."""
        return self._server.server_address[1] if self._server else None

    async def start(self) -> None:
        """Serve from a thread.

        Raises:
            WorkerError: The port cannot be used.
        """
        host, port = self._host, self._wanted_port
        if port is None:
            return
        try:
            self._server = server = _Server((host, port), self._metrics, self._liveness)
        except OSError as error:
            raise WorkerError(f"metrics port {port} on {host} cannot be used: {error.strerror}") from error
        _listening.add(server)
        threading.Thread(target=server.serve_forever, args=(0.1,), name="jobgate-status", daemon=True).start()

    async def stop(self) -> None:
        """Stop serving."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            _listening.discard(server)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], metrics: WorkerMetrics, liveness: Liveness) -> None:
        self.metrics = metrics
        self.liveness = liveness
        self._lock = threading.Lock()
        #: The oldest first.
        self._open: dict[socket.socket, None] = {}
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind; `::` means all addresses, including those of IPv4."""
        if self.server_address[0] == "::" and socket.has_dualstack_ipv6():
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread. Connections that hang must not block a liveness probe."""
        with self._lock:
            self._open[request] = None
            oldest = next(iter(self._open)) if len(self._open) > MOST_CONNECTIONS else None
            if oldest is not None:
                del self._open[oldest]
                _hang_up(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not log clients that hang up."""


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # its own thread has just closed it
        connection.shutdown(socket.SHUT_RDWR)


class _DeadlineReader(io.RawIOBase):
    """Reads from a connection until a deadline, however slowly the bytes arrive."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the bytes that are there; raise TimeoutError after the deadline."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


#: Servers that are listening.
_listening: set[_Server] = set()


def _close_in_child() -> None:
    """In a process forked by a job: it would keep the port open after the worker has ended."""
    for server in _listening:
        server.socket.close()
    _listening.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "jobgate"
    sys_version = ""

    def setup(self) -> None:
        """Start the deadline for the headers."""
        super().setup()
        self.rfile = io.BufferedReader(_DeadlineReader(self.connection, HEADER_DEADLINE))

    def do_GET(self) -> None:
        """Answer /metrics and /livez."""
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(HTTPStatus.OK, self.server.metrics.exposition(), CONTENT_TYPE_LATEST)
            case "/livez":
                verdict = self.server.liveness.verdict()
                status = HTTPStatus.OK if verdict.alive else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, f"{verdict.detail}\n".encode())
            case _:
                self._answer(HTTPStatus.NOT_FOUND, b"only /metrics and /livez exist\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests out of the log."""

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.connection.settimeout(WRITE_DEADLINE)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
