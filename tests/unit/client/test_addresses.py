"""What the client says of an address where no gateway is, and of a key."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from time import monotonic

import pytest
from prometheus_client import CollectorRegistry

from harness.http.fake_gateway import Gateway, Reply, answer, hang_up, never, page, problem, success
from harness.servers.redis_server import RedisServer
from harness.tools import valkey_binary
from jobgate.client import (
    Client,
    InvalidArguments,
    JobExists,
    JobgateError,
    NoWorker,
    OutcomeUnknown,
    Unauthorized,
    UnexpectedAnswer,
    UnknownFunction,
)


async def test_the_key_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = Gateway(hang_up, page(500))
    async with gateway.client(key="s3cret-of-mine") as client:
        with pytest.raises(UnexpectedAnswer) as caught:
            await client.enqueue("fn")
    assert "is retried" in caplog.text
    assert "s3cret-of-mine" not in caplog.text + repr(caught.value) + repr(caught.value.__dict__)


async def foreign(greeting: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak another protocol to whoever connects."""
    await reader.readline()
    writer.write(greeting)
    writer.close()


@pytest.mark.parametrize(
    "greeting", [b"-ERR unknown command\r\n", b"\x15\x03\x01\0\x02\x02F", b"220 mail\r\n"]
)
@pytest.mark.parametrize("ask", ["call", "enqueue", "status"])
async def test_an_address_that_speaks_no_http_is_told_at_once(greeting: bytes, ask: str) -> None:
    server = await asyncio.start_server(partial(foreign, greeting), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await tell_no_http(port, ask)
    server.close()
    await server.wait_closed()


async def tell_no_http(port: int, ask: str) -> None:
    start = monotonic()
    async with Client(f"http://127.0.0.1:{port}", registry=CollectorRegistry()) as client:
        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "call": partial(client.call, "fn"),
            "enqueue": partial(client.enqueue, "fn"),
            "status": client.job("a").status,
        }
        with pytest.raises(UnexpectedAnswer, match=f"127.0.0.1:{port} does not speak HTTP: use the address"):
            await asked[ask]()
    assert monotonic() - start < 10, "it tries others on for 15 s"


@pytest.mark.parametrize("ask", ["call", "status"])
async def test_the_port_of_redis_is_told_at_once(tmp_path: Path, ask: str) -> None:
    server = RedisServer(valkey_binary(), tmp_path / "server").start()
    try:
        await tell_no_http(server.port, ask)
    finally:
        server.kill()


def texts(error: BaseException) -> tuple[str, int]:
    """Return the message and how many tracebacks a program shows that does not catch the error."""
    return str(error), "".join(traceback.format_exception(error)).count("Traceback")


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (
            problem(404, "unknown-function", near=["fan", "fun"]),
            UnknownFunction,
            "No worker offers 'fn': did you mean 'fan' or 'fun'?",
        ),
        (
            problem(404, "unknown-function", near=["fan"], queues=["mail"]),
            UnknownFunction,
            "No worker offers 'fn' in this queue: name its queue, 'mail'.",
        ),
        (
            problem(404, "unknown-function", near=[]),
            UnknownFunction,
            "No worker offers 'fn': check its name and queue, or start a worker that has it.",
        ),
        (
            answer(
                200,
                {
                    "job_id": "a",
                    "success": False,
                    "error": {"code": "unknown-function", "message": "function 'fn' not found"},
                },
            ),
            UnknownFunction,
            "The worker that took the job cannot run it: function 'fn' not found.",
        ),
        (
            problem(401, "unauthorized"),
            Unauthorized,
            "The gateway requires a key that it knows: pass `Client(url, key=…)`.",
        ),
        (
            answer(
                200,
                {
                    "job_id": "a",
                    "success": False,
                    "error": {"code": "invalid-arguments", "message": "missing 'b'"},
                },
            ),
            InvalidArguments,
            "The arguments do not fit the function: missing 'b'.",
        ),
        (
            problem(409, "job-exists"),
            JobExists,
            "A job with this id already exists: use the `job` of this error, or choose another id.",
        ),
        (
            problem(503, "no-worker"),
            NoWorker,
            "No live worker could take this call, so nothing was enqueued: start a worker, or enqueue "
            "instead.",
        ),
        (
            hang_up,
            OutcomeUnknown,
            "The gateway at URL broke the connection (Server disconnected); the request may have been "
            "carried out: ask the job of this error for its status.",
        ),
        (
            never,
            OutcomeUnknown,
            "The gateway at URL did not answer in time; the request may have been carried out: "
            "ask the job of this error for its status.",
        ),
    ],
)
async def test_errors_can_be_understood_on_their_own(
    reply: Reply, kind: type[JobgateError], message: str
) -> None:
    gateway = Gateway(reply)
    async with gateway.client(request_timeout=0.2) as client:
        with pytest.raises(kind) as caught:
            await client.call("fn", _job_id="mine", _timeout=0.5)
    assert texts(caught.value) == (message.replace("URL", gateway.url), 1)


async def test_a_wrong_scheme_is_told() -> None:
    gateway = Gateway(success(1))
    async with gateway.serving(), Client(gateway.url.replace("http:", "https:")) as client:
        with pytest.raises(UnexpectedAnswer) as caught:
            await client.call("fn")
    url = client._shown
    assert texts(caught.value) == (
        f"The server at {url} does not speak TLS: use http:// if the gateway has no certificate.",
        1,
    )
