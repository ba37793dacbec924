"""Serves /metrics and /livez from threads of its own, so that a blocked event loop is noticed."""

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
from jobgate.worker.vitals.liveness import Liveness
from jobgate.worker.vitals.metrics import WorkerMetrics

#: Seconds from the connect to the end of a request's headers, and for taking the answer.
HEADER_DEADLINE = 10.0
WRITE_DEADLINE = 5.0
#: Connections at the same time; one more ends the oldest.
MOST_CONNECTIONS = 64


class StatusServer:
    """The worker's small HTTP server.

    Args:
        host: address to listen on.
        port: port; 0 = a free one, which `port` then tells.
        metrics: what /metrics shows.
        liveness: what /livez judges by.

    Raises:
        WorkerError: the port cannot be used.
    """

    def __init__(self, host: str, port: int, *, metrics: WorkerMetrics, liveness: Liveness) -> None:
        try:
            self._server = _Server((host, port), metrics, liveness)
        except OSError as error:
            raise WorkerError(f"metrics port {port} on {host} cannot be used: {error.strerror}") from error
        #: The port that it listens on.
        self.port: int = self._server.server_address[1]
        _open.add(self._server)
        self._thread = threading.Thread(target=self._serve, name="jobgate-status", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        _open.discard(self._server)

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.1)


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
        """Bind; `::` is every address, of IPv4 too."""
        if self.server_address[0] == "::" and socket.has_dualstack_ipv6():
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread. Those that hang must not keep out who asks for liveness."""
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
        """Say nothing of callers that hang up."""


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # its own thread has just closed it
        connection.shutdown(socket.SHUT_RDWR)


class _InTime(io.RawIOBase):
    """Reads from a connection until a moment, however slowly the bytes come."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there; raises TimeoutError when the time is up."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


#: Servers that listen now.
_open: set[_Server] = set()


def _close_in_child() -> None:
    """In a process that a job forks: else that would hold the port when the worker has ended."""
    for server in _open:
        server.socket.close()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "jobgate"
    sys_version = ""

    def setup(self) -> None:
        """Begin to count the time."""
        super().setup()
        self.rfile = io.BufferedReader(_InTime(self.connection, HEADER_DEADLINE))

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
                self._answer(HTTPStatus.NOT_FOUND, b"there are /metrics and /livez\n")

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
