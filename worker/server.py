"""Serves /metrics and /livez from threads of its own, so that a blocked event loop is noticed."""

import os
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from jobgate.worker.errors import WorkerError
from jobgate.worker.liveness import Liveness
from jobgate.worker.metrics import WorkerMetrics

#: Seconds that a caller may be silent, in the middle of a request too.
_PATIENCE = 5


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

    def __init__(self, address: tuple[str, int], metrics: WorkerMetrics, liveness: Liveness) -> None:
        self.metrics = metrics
        self.liveness = liveness
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that hang up."""


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
    timeout = _PATIENCE
    server_version = "jobgate"
    sys_version = ""

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
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
