"""Where gateway and worker listen, and what a caller that is slow, or one of too many, can do to them."""

import asyncio
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from harness.systems.gateways import running_gateway
from harness.tools import free_port
from harness.waiting import eventually
from jobgate.worker.vitals import Liveness, Pulse, StatusServer, WorkerMetrics
from jobgate.worker.vitals import status_server as module


def status_server(host: str) -> StatusServer:
    serving = StatusServer(host, 0, metrics=WorkerMetrics([], max_jobs=1), liveness=Liveness(Pulse()))
    asyncio.run(serving.start())
    return serving


@pytest.fixture
def status() -> Iterator[StatusServer]:
    serving = status_server("127.0.0.1")
    yield serving
    asyncio.run(serving.stop())


def connected(port: int | None, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=20)


def answers(port: int | None, host: str) -> bool:
    with connected(port, host) as one:
        one.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return one.recv(12) in (b"HTTP/1.0 200", b"HTTP/1.1 200")


async def test_a_gateway_on_all_addresses_serves_both_families(redis_url: str) -> None:
    async with running_gateway(redis_url, host="::", insecure=True) as gateway:
        for host in ("127.0.0.1", "::1"):
            assert await asyncio.to_thread(answers, gateway.port, host)


def test_a_worker_on_all_addresses_serves_both_families() -> None:
    serving = status_server("::")
    try:
        assert answers(serving.port, "127.0.0.1")
        assert answers(serving.port, "::1")
    finally:
        asyncio.run(serving.stop())


async def test_metrics_without_keys_are_on_loopback_unless_it_is_said(redis_url: str) -> None:
    """Another address of this machine's loopback net stands for a public one."""
    port = free_port()
    elsewhere = free_port()
    async with running_gateway(redis_url, host="0.0.0.0", insecure=True, metrics_port=port):
        assert await asyncio.to_thread(answers, port, "127.0.0.1")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(answers, port, "127.0.0.2")
    where = {"metrics_host": "127.0.0.2", "metrics_port": elsewhere}
    async with running_gateway(redis_url, host="0.0.0.0", insecure=True, **where):
        assert await asyncio.to_thread(answers, elsewhere, "127.0.0.2")


def test_dripped_headers_are_cut(status: StatusServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEADER_DEADLINE", 0.5)
    with connected(status.port) as one:
        one.sendall(b"GET /livez HTTP/1.1\r\n")
        one.settimeout(0.05)

        def is_cut() -> bool:
            try:
                one.sendall(b"X: y\r\n")
                return one.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        eventually(is_cut, what="the end of the connection")


def test_connections_that_hang_keep_nobody_out(status: StatusServer) -> None:
    hanging = [connected(status.port) for _ in range(module.MOST_CONNECTIONS + 20)]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{status.port}/livez", timeout=20) as answer:
            assert answer.status == 200
        eventually(lambda: sum(map(ends, hanging)) >= 20, what="the end of the oldest")
        assert sum(map(ends, hanging)) <= 21
    finally:
        for one in hanging:
            one.close()


def ends(one: socket.socket) -> bool:
    one.settimeout(0.05)
    try:
        return one.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
