"""HTTPS: real handshakes, certificates that change under load, and clients that do not finish them."""

import asyncio
import contextlib
import select
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from harness.http.bad_requests import request
from harness.processes.commands import Processes
from harness.servers.certificates import Pair, make_pair
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway, waits_in_flight
from harness.tools import free_port, require_tool


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, Pair]:
    """Two pairs that are never changed."""
    folder = tmp_path_factory.mktemp("certificates")
    return make_pair(folder, "first"), make_pair(folder, "second")


@pytest.fixture
def pair(made: tuple[Pair, Pair], tmp_path: Path) -> Pair:
    """The files of the gateway, with the first pair."""
    files = Pair(tmp_path / "live.pem", tmp_path / "live.key")
    made[0].put_at(files)
    return files


@pytest.fixture(params=["asyncio", "uvloop"])
async def gateway(
    request: pytest.FixtureRequest,
    redis_url: str,
    pair: Pair,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[RunningGateway]:
    """A gateway with a certificate: in this event loop, or as a process with the other kind of loop."""
    if request.param == "asyncio":
        monkeypatch.setattr("jobgate.gateway.listening.certificate.LOOK_EVERY", 0.05)
        async with running_gateway(redis_url, tls_cert=pair.certificate, tls_key=pair.key) as running:
            yield running
        return
    words = ["--tls-cert", str(pair.certificate), "--tls-key", str(pair.key), "--port", "0"]
    process = processes.start(
        "gateway", "--redis", redis_url, "--access-log", *words, "--loop", "uvloop", "--drain=0"
    )
    url = process.wait_for_log(r"listening on (https://127\.0\.0\.1:\d+)")[1]
    connector = aiohttp.TCPConnector(ssl=trust(pair))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield RunningGateway(url, session)
    assert process.terminate() == 0
    assert "Traceback" not in process.log


def trust(*pairs: Pair) -> ssl.SSLContext:
    return ssl.create_default_context(cadata="".join(pair.certificate.read_text() for pair in pairs))


async def shown(gateway: RunningGateway, *trusted: Pair) -> bytes:
    """Return the certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port, ssl=trust(*trusted))
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    return found


async def test_curl_is_served(gateway: RunningGateway, pair: Pair) -> None:
    words = [
        "--cacert",
        str(pair.certificate),
        "-sS",
        "--max-time",
        "10",
        "-w",
        " %{http_code} %{http_version}",
    ]
    curl = await asyncio.create_subprocess_exec(
        require_tool("curl"), *words, f"{gateway.url}/livez", stdout=asyncio.subprocess.PIPE
    )
    answer, _ = await curl.communicate()
    assert answer.decode().endswith(" 200 1.1")


async def test_a_certificate_changes_without_failed_requests(
    gateway: RunningGateway, pair: Pair, made: tuple[Pair, Pair]
) -> None:
    trusted = trust(*made)
    done, stop = 0, asyncio.Event()

    async def keep_connecting() -> None:
        nonlocal done
        keeping = aiohttp.TCPConnector(ssl=trusted)
        closing = aiohttp.TCPConnector(ssl=trusted, force_close=True)
        async with (
            aiohttp.ClientSession(connector=keeping) as kept,
            aiohttp.ClientSession(connector=closing) as new,
        ):
            while not stop.is_set():
                for one in (kept, new):
                    async with one.get(f"{gateway.url}/livez") as answer:
                        assert answer.status == 200
                        done += 1
                await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(keep_connecting())
        for number in (1, 0):
            wanted = ssl.PEM_cert_to_DER_cert(made[number].certificate.read_text())
            made[number].put_at(pair)
            async with asyncio.timeout(10):
                while await shown(gateway, *made) != wanted:
                    await asyncio.sleep(0.02)
        stop.set()
    assert done


async def test_waits_end_with_their_clients(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await worker.announce()
    _, job, _ = await gateway.post("/jobs/add", {"args": [1, 2]})
    waiting = asyncio.create_task(gateway.get(f"/jobs/{job['job_id']}/result?wait=30"))
    await waits_in_flight(gateway, 1)
    waiting.cancel()
    await waits_in_flight(gateway, 0)
    waiting = asyncio.create_task(gateway.get(f"/jobs/{job['job_id']}/result?wait=30"))
    await worker.run_one("x" * 1_000_000)
    assert (await waiting)[1]["result"] == "x" * 1_000_000


async def test_what_is_no_tls_is_closed_and_not_logged_as_failure(
    gateway: RunningGateway, caplog: pytest.LogCaptureFixture
) -> None:
    for sent in (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 70_000, b"\0"):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(sent)
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            assert not (await reader.read()).startswith(b"HTTP")
        writer.close()
    assert (await gateway.get("/livez"))[0] == 200
    assert [record.message for record in caplog.records if record.levelname != "INFO"] == []


async def test_malformed_requests_are_answered(gateway: RunningGateway, pair: Pair) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, ssl=trust(pair))
    writer.write(b"GARBAGE\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_handshakes_and_headers_have_a_deadline(redis_url: str, pair: Pair) -> None:
    files = {"tls_cert": pair.certificate, "tls_key": pair.key}
    async with running_gateway(redis_url, header_deadline=0.3, **files) as gateway:
        start = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"\x16\x03\x01")
        assert await reader.read() == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, ssl=trust(pair))
        writer.write(b"GET /livez")
        assert await reader.read() == b""
        writer.close()
        assert 0.5 < time.monotonic() - start < 5


async def test_a_client_that_never_reads_is_cut(redis_url: str, pair: Pair, worker: PlayedWorker) -> None:
    files = {"tls_cert": pair.certificate, "tls_key": pair.key}
    async with running_gateway(redis_url, write_deadline=0.3, **files) as gateway:
        await gateway.post("/jobs/f", {"job_id": "large"})
        await worker.run_one("x" * 7_000_000)

        def ask() -> object:
            with socket.socket() as plain:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                plain.connect(("127.0.0.1", gateway.port))
                with trust(pair).wrap_socket(plain, server_hostname="localhost") as client:
                    client.sendall(request(line="GET /jobs/large/result HTTP/1.1"))
                    hung_up = select.poll()
                    hung_up.register(client, select.POLLHUP | select.POLLERR)
                    return hung_up.poll(30_000)

        assert await asyncio.to_thread(ask), "the connection is still open"


async def test_metrics_stay_plain(redis_url: str, pair: Pair) -> None:
    port = free_port()
    files = {"tls_cert": pair.certificate, "tls_key": pair.key}
    async with (
        running_gateway(redis_url, metrics_port=port, **files) as gateway,
        gateway.session.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        assert answer.status == 200
