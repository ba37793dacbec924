"""`jobgate health` with certificates and Unix sockets."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.servers.certificates import Pair, make_pair
from harness.systems.gateways import running_gateway
from jobgate.cli.main import main


async def jobgate(*words: str | Path) -> Result:
    """Run a command beside the gateway in this event loop."""
    return await asyncio.to_thread(CliRunner().invoke, main, list(map(str, words)))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("certificates"), "ours")


async def test_a_certificate(redis_url: str, pair: Pair) -> None:
    files = {"tls_cert": pair.certificate, "tls_key": pair.key}
    async with running_gateway(redis_url, **files) as gateway:
        live = f"{gateway.url}/livez"
        assert (await jobgate("health", live)).output == "ok\n", "on loopback any certificate will do"
        assert (await jobgate("health", live, "--ca-file", pair.certificate)).output == "ok\n"
        for wrong, why in (
            (pair.key, "it holds no certificates in PEM form"),
            ("/nonexistent", "No such file"),
        ):
            done = await jobgate("health", live, "--ca-file", wrong)
            assert (done.exit_code, f"{wrong} cannot be used: {why}" in done.stderr) == (2, True)


async def test_a_unix_socket(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "Jobgate.sock"
    url = f"http+unix://{str(path).replace('/', '%2F')}"
    async with running_gateway(redis_url, unix_socket=path):
        assert (await jobgate("health", f"{url}/livez")).output == "ok\n"
        assert (await jobgate("health", f"{url}/none")).output == f"failed: {url}/none answers 404\n"
    done = await jobgate("health", f"{url}/livez")
    assert done.output == f"failed: {url}/livez does not answer: No such file or directory\n"


async def test_the_wrong_scheme(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway:
        done = await jobgate("health", gateway.url.replace("http", "https"))
        assert "it does not speak TLS: use http://" in done.stderr
