"""A gateway on a Unix socket: who may call, and whose file it is."""

import asyncio
import os
import re
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.processes.commands import Processes
from harness.systems.gateways import running_gateway
from harness.tools import require_tool
from jobgate.gateway import GatewayError
from jobgate.gateway.listening.unix_socket import SocketFile


async def test_it_is_served_without_keys_and_leaves_nothing(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path = tmp_path / "jobgate.sock"
    options = {"unix_socket": path, "access_log": True, "trusted_proxies": ("unix",), "host": "0.0.0.0"}
    async with running_gateway(redis_url, **options) as gateway:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        status, job, _ = await gateway.post("/jobs/add", headers={"Host": "jobs.example.com"})
        assert status == 202
        named = {"X-Forwarded-For": "6.6.6.6, 1.2.3.4"}
        assert (await gateway.get(f"/jobs/{job['job_id']}/status", headers=named))[0] == 200
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", gateway.port)), "no port is open"
    assert not path.exists()
    assert f"listening on http+unix://{str(path).replace('/', '%2F')}" in caplog.text
    lines = [record.message for record in caplog.records if record.name == "jobgate.gateway.access"]
    assert '"remote": "unix"' in lines[-1]
    assert '"client": "1.2.3.4"' in lines[-1]
    assert '"client": "unix"' in lines[-2]


async def test_the_mode_is_a_setting_and_names_of_clients_are_none(redis_url: str, tmp_path: Path) -> None:
    path, end = tmp_path / "jobgate.sock", tmp_path / "10.0.0.7"
    async with running_gateway(redis_url, unix_socket=path, unix_socket_mode=0o600):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        # A client may give its end a name; that is no address.
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            client.bind(str(end))
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, str(path))
            await loop.sock_sendall(client, b"GET /livez HTTP/1.0\r\n\r\n")
            assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 200")


def leave_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


async def test_the_file_of_a_dead_gateway_is_replaced(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "jobgate.sock"
    leave_stale(path)
    async with running_gateway(redis_url, unix_socket=path) as gateway:
        assert (await gateway.get("/livez"))[0] == 200


async def test_the_file_of_a_live_gateway_is_left_alone(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "jobgate.sock"
    async with running_gateway(redis_url, unix_socket=path) as gateway:
        with pytest.raises(GatewayError, match=f"{path} is in use: stop the program that listens there"):
            SocketFile(path, mode=0o660, backlog=5)
        assert (await gateway.get("/livez"))[0] == 200
    assert not path.exists()


async def test_a_file_that_another_put_in_its_place_stays(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "jobgate.sock"
    async with running_gateway(redis_url, unix_socket=path):
        path.unlink()
        leave_stale(path)
    assert path.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("file", "exists and is not a socket: choose another path"),
        ("none/jobgate.sock", "cannot be made: No such file or directory"),
        ("x" * 200, "cannot be made: AF_UNIX path too long"),
    ],
)
def test_what_cannot_be_a_socket_is_said(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(GatewayError, match=message):
        SocketFile(tmp_path / name, mode=0o660, backlog=5)
    assert (tmp_path / "file").read_text() == "precious"


def test_one_of_many_that_start_at_once_gets_a_stale_file(tmp_path: Path) -> None:
    for _ in range(10):
        path = tmp_path / "jobgate.sock"
        leave_stale(path)

        def start(_: int, path: Path = path) -> SocketFile | None:
            try:
                return SocketFile(path, mode=0o600, backlog=100)
            except GatewayError:
                return None

        with ThreadPoolExecutor(8) as threads:
            (winner,) = filter(None, threads.map(start, range(8)))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        winner.remove()
        winner.socket.close()


async def test_curl_and_a_killed_gateway(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "jobgate.sock"
    words = ["gateway", "--redis", redis_url, "--unix-socket", str(path), "--unix-socket-mode", "600"]
    for _ in range(2):
        process = processes.start(*words)
        process.wait_for_log(re.escape("listening on http+unix://"))
        curl = await asyncio.create_subprocess_exec(
            require_tool("curl"), "-sSf", "--unix-socket", str(path), "http://localhost/livez"
        )
        assert await curl.wait() == 0
        process.kill()
        assert path.exists()
