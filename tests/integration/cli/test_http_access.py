"""`jobgate health` and `jobgate stubs` with certificates, proxies and Unix sockets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.certificates import Pair, make_pair
from harness.gateways import PlayedWorker, RunningGateway, functions_known, running_gateway
from jobgate.broker import Broker
from jobgate.cli.main import main


async def jobgate(*words: str | Path) -> Result:
    """Run a command beside the gateway in this event loop."""
    return await asyncio.to_thread(CliRunner().invoke, main, list(map(str, words)))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("certificates"), "ours")


@pytest.fixture
async def worker(redis_url: str) -> AsyncIterator[PlayedWorker]:
    async with Broker(redis_url) as broker:
        played = PlayedWorker(broker, "add")
        await played.announce()
        yield played


async def has_stubs(gateway: RunningGateway, *words: str | Path) -> None:
    await functions_known(gateway)
    done = await jobgate("stubs", *words)
    assert done.exit_code == 0, done.output
    assert "async def add(" in done.stdout


async def test_a_certificate(redis_url: str, pair: Pair, worker: PlayedWorker) -> None:
    files = {"tls_cert": pair.certificate, "tls_key": pair.key}
    async with running_gateway(redis_url, **files) as gateway:
        live = f"{gateway.url}/livez"
        assert (await jobgate("health", live)).output == "ok\n", "on loopback any certificate will do"
        assert (await jobgate("health", live, "--ca-file", pair.certificate)).output == "ok\n"
        await has_stubs(gateway, gateway.url, "--ca-file", pair.certificate)
        done = await jobgate("stubs", gateway.url)
        assert done.exit_code == 1
        assert (
            "its certificate is not trusted (self-signed certificate); --ca-file names the CA" in done.stderr
        )
        done = await jobgate("stubs", gateway.url, "--ca-file", pair.key)
        assert "cannot be used: it holds no certificates in PEM form." in done.stderr
        done = await jobgate("health", live, "--ca-file", "/nonexistent")
        assert (done.exit_code, "/nonexistent cannot be used: No such file" in done.stderr) == (2, True)


async def test_a_unix_socket(redis_url: str, worker: PlayedWorker, tmp_path: Path) -> None:
    path = tmp_path / "Jobgate.sock"
    url = f"http+unix://{str(path).replace('/', '%2F')}"
    async with running_gateway(redis_url, unix_socket=path) as gateway:
        assert (await jobgate("health", f"{url}/livez")).output == "ok\n"
        assert (await jobgate("health", f"{url}/none")).output == f"failed: {url}/none answers 404\n"
        await has_stubs(gateway, url)
    done = await jobgate("health", f"{url}/livez")
    assert done.output == f"failed: {url}/livez does not answer: No such file or directory\n"


async def test_a_proxy_and_the_wrong_scheme(redis_url: str, worker: PlayedWorker) -> None:
    # A gateway understands requests as they are sent to proxies.
    async with running_gateway(redis_url, allowed_hosts=("gateway.invalid",)) as gateway:
        await has_stubs(gateway, "http://gateway.invalid", "--proxy", gateway.url)
        done = await jobgate("health", gateway.url.replace("http", "https"))
        assert "it does not speak TLS: use http://" in done.stderr
