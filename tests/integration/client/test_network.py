"""Ways to a gateway: certificates of one's own, proxies and Unix sockets, and what is said when they fail."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from harness.servers.certificates import Pair, make_pair
from harness.systems.gateways import RunningGateway, running_gateway
from jobgate.client import (
    Client,
    GatewayUnavailable,
    InvalidOption,
    JobgateError,
    OutcomeUnknown,
    UnexpectedAnswer,
    UntrustedGateway,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """Certificates for this machine, for another one, and one whose CA is not known."""
    folder = tmp_path_factory.mktemp("certificates")
    return {
        "ours": make_pair(folder, "ours"),
        "other": make_pair(folder, "other", names="DNS:other.example.com"),
    }


@asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[Client]:
    async with Client(url, registry=CollectorRegistry(), **options) as opened:
        yield opened


def tls(pair: Pair) -> dict[str, Any]:
    return {"tls_cert": pair.certificate, "tls_key": pair.key}


async def works(url: str, **options: Any) -> None:
    async with client(url, **options) as opened:
        job = await opened.enqueue("fn")
        assert (await job.info()).function == "fn"


async def test_a_ca_of_ones_own(redis_url: str, made: dict[str, Pair]) -> None:
    certificate = made["ours"].certificate
    async with running_gateway(redis_url, **tls(made["ours"])) as gateway:
        await works(gateway.url, ca_file=certificate)
        await works(gateway.url, ca_file=str(certificate))
        await works(gateway.url, ssl=ssl.create_default_context(cafile=certificate))


@asynccontextmanager
async def served(redis_url: str, pair: Pair) -> AsyncIterator[RunningGateway]:
    """A gateway whose certificate the tests' own session need not trust."""
    async with running_gateway(redis_url) as plain:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await join(reader, writer, plain.port)

        async with await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context) as server:
            yield RunningGateway(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", plain.session)


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Pass everything on to a port, and what it answers back."""

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        target.close()

    there, back = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(pump(reader, back), pump(there, writer))


@pytest.mark.parametrize(
    ("shown", "trusted", "message"),
    [
        (
            "ours",
            None,
            r"is not trusted (self-signed certificate): pass the CA that signed it, Client(url, ca",
        ),
        ("ours", "other", "is not trusted (self-signed certificate): pass the CA that signed it"),
        ("other", "other", "use an address for which it is valid in the client's URL."),
    ],
)
async def test_a_certificate_that_is_not_trusted_is_said_at_once(
    shown: str, trusted: str | None, message: str, redis_url: str, made: dict[str, Pair]
) -> None:
    ca_file = None if trusted is None else made[trusted].certificate
    start = monotonic()
    async with served(redis_url, made[shown]) as gateway, client(gateway.url, ca_file=ca_file) as opened:
        for asked in (opened.enqueue("fn"), opened.call("fn"), opened.job("a").result(timeout=30)):
            with pytest.raises(UntrustedGateway) as caught:
                await asked
            assert message in str(caught.value)
            assert gateway.url in str(caught.value)
    assert monotonic() - start < 5, "it is not tried again"


async def test_what_may_have_happened_before_stays_unknown(made: dict[str, Pair]) -> None:
    contexts = [ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) for _ in made]
    for context, pair in zip(contexts, made.values(), strict=True):
        context.load_cert_chain(pair.certificate, pair.key)
    shown = iter(contexts)
    contexts[0].sni_callback = lambda connection, *_: setattr(connection, "context", next(shown))

    async def lose(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(lose, "127.0.0.1", 0, ssl=contexts[0]) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with client(url, ca_file=made["ours"].certificate) as opened:
            with pytest.raises(OutcomeUnknown, match=r"is not trusted .* may have been carried out"):
                await opened.enqueue("fn")


async def test_the_wrong_scheme_is_said_at_once(redis_url: str, made: dict[str, Pair]) -> None:
    start = monotonic()
    async with (
        running_gateway(redis_url, **tls(made["ours"])) as gateway,
        client(gateway.url.replace("https", "http")) as opened,
    ):
        with pytest.raises(UnexpectedAnswer, match="speaks TLS: use https://"):
            await opened.enqueue("fn")
    async with running_gateway(redis_url) as gateway, client(gateway.url.replace("http", "https")) as opened:
        with pytest.raises(UnexpectedAnswer, match="does not speak TLS: use http://"):
            await opened.enqueue("fn")
    assert monotonic() - start < 10


@asynccontextmanager
async def http_proxy(status: int, port: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A proxy that answers CONNECT with a status and then leads to a port; yield its URL and what it gets."""
    heads: list[bytes] = []

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %d Answer\r\n\r\n" % status)
        if status == 200:
            await join(reader, writer, port)
        writer.close()

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads


async def test_a_tunnel_through_a_proxy(
    redis_url: str, made: dict[str, Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = made["ours"]
    async with (
        running_gateway(redis_url, **tls(ours)) as gateway,
        http_proxy(200, gateway.port) as (url, heads),
    ):
        await works(gateway.url, ca_file=ours.certificate, proxy=url.replace("//", "//user:secret@"))
        assert heads[0].startswith(f"CONNECT 127.0.0.1:{gateway.port} ".encode())
        assert b"\r\nProxy-Authorization: Basic " in heads[0]
        assert b"\r\nAuthorization" not in heads[0]
        monkeypatch.setenv("HTTPS_PROXY", url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        seen = len(heads)
        await works(gateway.url, ca_file=ours.certificate)
        assert len(heads) == seen, "the environment counts only where it is asked for"
        await works(gateway.url, ca_file=ours.certificate, trust_env=True)
        assert len(heads) > seen
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        seen = len(heads)
        await works(gateway.url, ca_file=ours.certificate, trust_env=True)
        assert len(heads) == seen


async def test_plain_http_through_a_proxy(redis_url: str) -> None:
    name = "gateway.invalid"
    # A gateway understands requests as they are sent to proxies.
    async with running_gateway(redis_url, allowed_hosts=(name,)) as gateway:
        await works(f"http://{name}", proxy=gateway.url)


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (
            407,
            UnexpectedAnswer,
            "The proxy refuses to connect to .* .status 407.: give it as proxy='http://user",
        ),
        (403, UnexpectedAnswer, "The proxy refuses to connect to .* .status 403.: check `proxy`"),
        (503, GatewayUnavailable, "cannot be reached .the proxy answers 503."),
        (0, GatewayUnavailable, "cannot be reached .the proxy: Connect"),
    ],
)
async def test_a_proxy_that_does_not_connect(status: int, kind: type[JobgateError], message: str) -> None:
    async with http_proxy(status, 1) as (url, heads):
        proxy = url if status else "http://127.0.0.1:1"
        async with client("https://gateway.invalid", proxy=proxy, request_timeout=0.5) as opened:
            with pytest.raises(kind, match=message):
                await opened.enqueue("fn")
    assert (len(heads) > 1) is (status == 503)


async def test_a_unix_socket(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "jobgate.sock"
    url = f"http+unix://{str(path).replace('/', '%2F')}"
    async with running_gateway(redis_url, unix_socket=path):
        await works(url)
        await works(url + "/")
    async with client(url, request_timeout=0.2) as opened:
        with pytest.raises(GatewayUnavailable, match=r"jobgate\.sock cannot be reached .No such file"):
            await opened.enqueue("fn")


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        (
            "https://a",
            {"ca_file": "/nonexistent.pem"},
            "ca_file '/nonexistent.pem' cannot be used: No such file",
        ),
        ("https://a", {"ca_file": __file__}, "cannot be used: it holds no certificates in PEM form"),
        ("http://a", {"ca_file": __file__}, "use them with an https:// address"),
        ("https://a", {"ca_file": __file__, "ssl": ssl.create_default_context()}, "exclude each other"),
        ("https://a", {"proxy": "proxy.example.com:3128"}, "proxy must be the http:// URL of a proxy"),
        ("https://a", {"proxy": "socks5://a"}, "proxy must be the http:// URL of a proxy"),
        ("http+unix://user:secret@%2Frun%2Fa.sock", {}, "a gateway takes a key, not a password"),
        ("http+unix:///run/jobgate.sock", {}, "with its path percent-encoded, such as http.unix://%2Frun"),
        ("http+unix://%2Frun%2Fa.sock", {"proxy": "http://a"}, "a Unix socket has no proxy"),
        ("redis://a", {"proxy": "http://a"}, "are only for a gateway: Redis takes ssl_ca_certs in its URL"),
        ("redis://a", {"trust_env": True}, "are only for a gateway"),
    ],
)
def test_options_that_cannot_be_used_are_refused(url: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        Client(url, registry=CollectorRegistry(), **options)
