"""Clients from settings reach real servers: TCP, a socket file, TLS, a Sentinel."""

import asyncio
import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis.asyncio import Redis as AsyncRedis

from harness.processes import tether
from harness.servers.redis_server import RedisServer
from harness.tools import free_port, require_tool
from harness.waiting import eventually_async
from jobgate.broker import Broker, BrokerUnavailable
from jobgate.broker.link import Link
from jobgate.broker.link.settings import RedisSettings, async_client, sync_client

ServerMaker = Callable[..., RedisServer]


def lock(server: RedisServer, password: str) -> None:
    """Make it ask for a password from now on."""
    with server.client() as client:
        client.config_set("requirepass", password)


async def answers(settings: RedisSettings) -> bool:
    """Tell whether both clients get their answer."""
    client: AsyncRedis = async_client(settings)
    async with client:
        await client.set("from", "async")
    with sync_client(settings) as blocking:
        return bool(blocking.get("from") == b"async")


async def test_tcp_with_user_password_and_database(make_server: ServerMaker) -> None:
    server = make_server()
    lock(server, "p@ss/word")
    assert await answers(RedisSettings.from_dsn(f"redis://default:p%40ss%2Fword@127.0.0.1:{server.port}/3"))
    with pytest.raises(redis.AuthenticationError):
        await answers(RedisSettings.from_dsn(f"redis://:wrong@127.0.0.1:{server.port}"))


async def test_unix_socket(make_server: ServerMaker, tmp_path: Path) -> None:
    path = tmp_path / "a b.sock"
    make_server(unixsocket=str(path))
    assert await answers(RedisSettings.from_dsn(f"unix://{str(path).replace(' ', '%20')}?db=1"))


async def test_a_command_whose_answer_was_lost_is_not_repeated() -> None:
    """redis-py repeats ten times by default, and an INCR then counts twice."""
    seen = bytearray()

    async def lose_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"INCR" not in (data := await reader.read(4096)):
            writer.write(b"+OK\r\n" * data.count(b"SETINFO"))
        seen.extend(data)
        writer.close()

    async with await asyncio.start_server(lose_the_answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client: AsyncRedis = async_client(RedisSettings.from_dsn(f"redis://127.0.0.1:{port}"))
        async with client:
            with pytest.raises(redis.ConnectionError):
                await client.incr("counter")
        blocking = sync_client(RedisSettings(host="127.0.0.1", port=port))
        with blocking, pytest.raises(redis.ConnectionError):
            await asyncio.to_thread(blocking.incr, "counter")
    assert seen.count(b"INCR") == 2  # one of each client


@pytest.mark.parametrize("most", [None, 3])
async def test_connections_are_used_again(server: RedisServer, most: int | None) -> None:
    settings = RedisSettings(host="127.0.0.1", port=server.port, max_connections=most)
    with server.client() as client:
        before = client.info("stats")["total_connections_received"]
        async with Broker(settings) as broker:
            for at_once in (5, 1, 5):
                await asyncio.gather(*(broker.connect() for _ in range(at_once)))
        opened = client.info("stats")["total_connections_received"] - before
    assert opened == (most or 5)


async def test_a_connection_that_was_closed_is_replaced_before_its_next_use(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        with server.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        for _ in range(2):  # turns in which the loop sees that it has ended
            await asyncio.sleep(0)
        # A claim would not be repeated.
        assert (await broker.claim("arq:queue", 1, worker_id="w", token="w:1")).jobs == []


async def test_a_connection_in_light_use_is_replaced_in_time(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is read from every moment is never silent, and its address may lead elsewhere by now."""
    monkeypatch.setattr("jobgate.broker.link.peers.TRUSTED_FOR", 60)
    monkeypatch.setattr("jobgate.broker.link.peers._LIGHT_USE", 0)
    link = Link(async_client(RedisSettings.from_dsn(server.url)), deadline=5)
    first = await link.command("CLIENT", "ID")
    assert await link.command("CLIENT", "ID") == first
    monkeypatch.setattr("jobgate.broker.link.peers._REPLACED_AFTER", 0)
    assert await link.command("CLIENT", "ID") != first
    monkeypatch.setattr("jobgate.broker.link.peers._LIGHT_USE", 60)
    last = await link.command("CLIENT", "ID")
    assert await link.command("CLIENT", "ID") == last, "one in heavy use stays"
    await link.close()


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `localhost`, signed by itself: `cert.pem` and `key.pem`."""
    folder = tmp_path_factory.mktemp("certificates")
    words = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        [require_tool("openssl"), *words.split(), "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def tls_port(make_server: ServerMaker, certificates: Path) -> int:
    """Port of a Redis that wants TLS and a client's certificate; skips where it was built without."""
    port = free_port()
    binary = require_tool("redis-server")
    check = subprocess.run(
        [binary, "--tls-port", "0", "--port", "x"], capture_output=True, text=True, check=False
    )
    if "tls-port" in check.stdout + check.stderr:
        pytest.skip("this redis-server was built without TLS")
    make_server(
        "redis",
        tls_port=str(port),
        tls_cert_file=str(certificates / "cert.pem"),
        tls_key_file=str(certificates / "key.pem"),
        tls_ca_cert_file=str(certificates / "cert.pem"),
    )
    return port


async def test_tls_with_both_certificates(tls_port: int, certificates: Path) -> None:
    own = f"ssl_certfile={certificates / 'cert.pem'}&ssl_keyfile={certificates / 'key.pem'}"
    url = f"rediss://localhost:{tls_port}?{own}"
    assert await answers(RedisSettings.from_dsn(f"{url}&ssl_ca_certs={certificates / 'cert.pem'}"))
    assert await answers(RedisSettings.from_dsn(f"{url}&ssl_cert_reqs=none&ssl_check_hostname=no"))
    with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
        await answers(RedisSettings.from_dsn(url))


async def test_tls_refuses_a_certificate_of_another_host(tls_port: int, certificates: Path) -> None:
    own = f"ssl_certfile={certificates / 'cert.pem'}&ssl_keyfile={certificates / 'key.pem'}"
    url = f"rediss://127.0.0.1:{tls_port}?{own}&ssl_ca_certs={certificates / 'cert.pem'}"
    with pytest.raises(redis.ConnectionError, match="certificate"):
        await answers(RedisSettings.from_dsn(url))
    assert await answers(RedisSettings.from_dsn(f"{url}&ssl_check_hostname=false"))


# Sentinel


@pytest.fixture
def sentinel(make_server: ServerMaker, tmp_path: Path) -> Iterator[RedisSettings]:
    """One Sentinel with its own password that watches one master with another."""
    master = make_server("redis")
    lock(master, "master")
    port = free_port()
    config = tmp_path / "sentinel.conf"
    config.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\nrequirepass watcher\n"
        f"sentinel monitor main 127.0.0.1 {master.port} 1\nsentinel auth-pass main master\n"
    )
    binary = require_tool("redis-server")
    log = (tmp_path / "sentinel.log").open("wb")
    process = subprocess.Popen(
        tether.command([binary, str(config), "--sentinel"]), stdin=subprocess.DEVNULL, stdout=log
    )
    watched = f"redis+sentinel://:master@127.0.0.1:{port}/2?master=main&sentinel_password=watcher"
    settings = RedisSettings.from_dsn(watched)
    yield settings
    process.kill()
    process.wait()
    log.close()


async def test_sentinel_leads_to_the_master(sentinel: RedisSettings) -> None:
    async def found() -> bool:
        try:
            return await answers(sentinel)
        except redis.ConnectionError:  # the Sentinel has not started, or does not know its master yet
            return False

    await eventually_async(found, what="the master by way of its Sentinel")
    with sync_client(sentinel) as client:
        assert client.connection_pool.connection_kwargs["db"] == 2


async def test_a_broker_that_is_closed_leaves_no_connection_to_a_command_under_way(
    make_server: ServerMaker,
) -> None:
    """Its connection is lost with the pool: another try would open one that nobody closes."""
    server = make_server()
    broker = Broker(server.url)
    await broker.connect()
    server.pause()
    under_way = asyncio.create_task(broker.connect())
    await asyncio.sleep(0)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await broker.close()
    server.resume()
    with pytest.raises(BrokerUnavailable):
        await under_way
    async with AsyncRedis.from_url(server.url) as client:
        assert len(await client.client_list()) == 1
