"""The HTTP transport against a gateway that misbehaves on purpose."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from harness.servers import RedisServer
from harness.tools import free_port, valkey_binary
from jobgate.client import (
    Client,
    Forbidden,
    GatewayUnavailable,
    InvalidArguments,
    InvalidRequest,
    JobExists,
    JobFailed,
    JobgateError,
    JobNotFound,
    NoWorker,
    OutcomeUnknown,
    RateLimited,
    ResultGone,
    ResultTimeout,
    Unauthorized,
    UnexpectedAnswer,
    UnknownFunction,
)

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]
JOB = {"job_id": "a", "function": "fn", "queue": "arq:queue", "status": "queued", "success": None, "try": 0}


class Gateway:
    """Answers with one reply after another, the last one again and again; remembers what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.registry = CollectorRegistry()
        self.url = ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/livez":  # the client looks who it is that hung up
            return web.Response()
        body = await request.read()
        headers = dict(request.headers)
        self.requests.append((request.method, str(request.rel_url), headers, orjson.loads(body or "null")))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return await reply(request)  # type: ignore[arg-type]

    @property
    def job_ids(self) -> list[str]:
        return [body["job_id"] for method, _, _, body in self.requests if method == "POST"]

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[None]:
        runner = web.ServerRunner(
            web.Server(self, access_log=None, handler_cancellation=True), shutdown_timeout=0
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        host, bound = runner.addresses[0][:2]
        self.url = f"http://{host}:{bound}"
        try:
            yield
        finally:
            await runner.cleanup()

    @asynccontextmanager
    async def client(self, **settings: Any) -> AsyncIterator[Client]:
        async with (
            self.serving(),
            Client(self.url, **{"request_timeout": 2, "registry": self.registry, **settings}) as client,
        ):
            yield client

    def retries(self, reason: str) -> float:
        labels = {"reason": reason}
        return self.registry.get_sample_value("jobgate_client_retries_total", labels) or 0.0


def answer(status: int, document: object, **headers: str) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = "application/problem+json" if status >= 400 else "application/json"
        return web.Response(status=status, body=orjson.dumps(document), content_type=kind, headers=named)

    return reply


def page(status: int) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="<h1>not jobgate</h1>", content_type="text/html")

    return reply


def problem(status: int, code: str, *, retryable: bool = False, headers: dict[str, str] | None = None,
            **members: Any) -> Reply:  # fmt: skip
    document = {"status": status, "code": code, "detail": f"detail of {code}", "retryable": retryable}
    return answer(status, document | members, **(headers or {}))


def success(result: object) -> Reply:
    return answer(200, {"job_id": "a", "status": "complete", "success": True, "result": result})


ACCEPTED = answer(202, JOB)


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_call_is_one_request() -> None:
    gateway = Gateway(success(7))
    async with gateway.client(key="k3y") as client:
        assert await client.call("my.fn", 1, b=2, _timeout=5) == 7
    ((method, path, headers, body),) = gateway.requests
    assert (method, path) == ("POST", "/jobs/my.fn")
    assert headers["Prefer"].startswith("wait=4.9") or headers["Prefer"] == "wait=5.000"
    assert headers["Authorization"] == "Bearer k3y"
    assert headers["Content-Type"] == "application/json"
    assert "Idempotency-Key" not in headers
    assert body == {"args": [1], "kwargs": {"b": 2}, "job_id": body["job_id"]}


async def test_the_gateway_may_stand_behind_a_path_and_names_are_quoted() -> None:
    gateway = Gateway(ACCEPTED)
    async with gateway.serving(), Client(f"{gateway.url}/base/", registry=gateway.registry) as client:
        await client.enqueue("a/b <c>")
    assert gateway.requests[0][1] == "/base/jobs/a%2Fb%20%3Cc%3E"


async def test_a_lost_answer_is_asked_for_again_under_the_same_id() -> None:
    gateway = Gateway(hang_up, hang_up, success("once"))
    async with gateway.client() as client:
        assert await client.call("fn") == "once"
    assert len(gateway.job_ids) == 3
    assert len(set(gateway.job_ids)) == 1
    assert gateway.retries("connection") == 2


async def test_an_existing_job_of_a_generated_id_is_ones_own() -> None:
    exists = problem(409, "job-exists", job=JOB)
    gateway = Gateway(hang_up, exists, success("mine"))
    async with gateway.client() as client:
        assert await client.call("fn") == "mine"
        gateway.replies = [hang_up, exists]
        assert (await client.enqueue("fn")).queue == "arq:queue"
    assert [method for method, *_ in gateway.requests] == ["POST", "POST", "GET", "POST", "POST"]


async def test_an_id_of_the_callers_own_is_told_from_a_replay_by_its_idempotency_key() -> None:
    gateway = Gateway(hang_up, answer(202, JOB, Idempotent_Replayed="true"), problem(409, "job-exists"))
    async with gateway.client() as client:
        assert (await client.enqueue("fn", _job_id="a")).id == "a"
        with pytest.raises(JobExists) as caught:
            await client.enqueue("fn", _job_id="a")
    assert caught.value.job is not None
    assert caught.value.job.id == "a"
    keys = [headers["Idempotency-Key"] for *_, headers, _ in gateway.requests]
    assert keys[0] == keys[1] != keys[2]


async def test_a_result_that_is_hardly_kept_needs_an_idempotency_key_too() -> None:
    gateway = Gateway(ACCEPTED)
    async with gateway.client() as client:
        await client.enqueue("fn", _keep_result=0)
    assert "Idempotency-Key" in gateway.requests[0][2]


async def test_what_can_be_tried_again_is_tried_again() -> None:
    gateway = Gateway(
        problem(503, "unavailable", retryable=True),
        problem(429, "too-many-waits", headers={"Retry-After": "0"}),
        problem(408, "body-timeout", retryable=True),
        page(502),
        ACCEPTED,
    )
    async with gateway.client() as client:
        await client.enqueue("fn")
    assert len(gateway.requests) == 5
    assert gateway.retries("unavailable") == 3
    assert gateway.retries("rate-limited") == 1


async def test_retry_after_is_waited_for() -> None:
    gateway = Gateway(problem(503, "unavailable", retryable=True, headers={"Retry-After": "0.4"}), ACCEPTED)
    async with gateway.client() as client:
        start = monotonic()
        await client.enqueue("fn")
    assert monotonic() - start >= 0.4


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (problem(503, "unavailable", retryable=True), GatewayUnavailable),
        (problem(503, "outcome-unknown", retryable=True), OutcomeUnknown),
        (problem(503, "no-worker", retryable=True), NoWorker),
        (page(504), OutcomeUnknown),
        (hang_up, OutcomeUnknown),
        (problem(429, "rate", headers={"Retry-After": "60"}), RateLimited),
    ],
)
async def test_at_the_end_of_its_patience_the_client_says_what_it_knows(
    reply: Reply, kind: type[JobgateError]
) -> None:
    gateway = Gateway(reply)
    async with gateway.client(request_timeout=0.3) as client:
        start = monotonic()
        with pytest.raises(kind) as caught:
            await client.enqueue("fn")
    assert type(caught.value) is kind
    assert monotonic() - start < 10
    assert caught.value.job is not None
    assert caught.value.job.id == gateway.job_ids[0]
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 60


async def test_one_lost_answer_among_refusals_leaves_the_outcome_unknown() -> None:
    gateway = Gateway(hang_up, problem(503, "unavailable", retryable=True))
    async with gateway.client(request_timeout=0.3) as client:
        with pytest.raises(OutcomeUnknown):
            await client.enqueue("fn")


async def test_nobody_there_is_no_unknown_outcome() -> None:
    async with Client(
        f"http://127.0.0.1:{free_port()}", request_timeout=0.3, registry=CollectorRegistry()
    ) as client:
        with pytest.raises(GatewayUnavailable, match="cannot be reached") as caught:
            await client.enqueue("fn")
        assert type(caught.value) is GatewayUnavailable


async def test_a_gateway_that_comes_up_late_is_waited_for() -> None:
    gateway = Gateway(success(1))
    port = free_port()
    async with Client(f"http://127.0.0.1:{port}", registry=gateway.registry) as client:
        call = asyncio.create_task(client.call("fn"))
        while not gateway.retries("connection"):
            await asyncio.sleep(0)
        async with gateway.serving(port):
            assert await call == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (problem(401, "unauthorized"), Unauthorized),
        (problem(403, "forbidden"), Forbidden),
        (problem(404, "not-found"), UnexpectedAnswer),
        (problem(404, "unknown-function", near=["fnn"]), UnknownFunction),
        (problem(413, "body-too-large"), InvalidRequest),
        (problem(422, "invalid-request"), InvalidRequest),
        (problem(503, "misconfigured"), GatewayUnavailable),
        (problem(500, "internal-error"), UnexpectedAnswer),
        (page(404), UnexpectedAnswer),
        (answer(200, "no object"), UnexpectedAnswer),
        (answer(200, {"success": False, "error": "no object"}), UnexpectedAnswer),
        (answer(302, {}, Location="/elsewhere"), UnexpectedAnswer),
    ],
)
async def test_a_final_answer_is_one_request_and_one_error(reply: Reply, kind: type[JobgateError]) -> None:
    gateway = Gateway(reply)
    async with gateway.client() as client:
        with pytest.raises(kind) as caught:
            await client.call("fn", _timeout=5)
    assert type(caught.value) is kind
    assert len(gateway.requests) == 1
    if isinstance(caught.value, UnknownFunction):
        assert caught.value.near == ("fnn",)


async def test_wrong_arguments_come_with_their_places() -> None:
    errors = [{"pointer": "#/args/0", "detail": "is no integer"}]
    gateway = Gateway(problem(422, "invalid-arguments", errors=errors))
    async with gateway.client() as client:
        with pytest.raises(InvalidArguments) as caught:
            await client.call("fn", "x")
    assert [(error.pointer, error.detail) for error in caught.value.errors] == [("#/args/0", "is no integer")]


async def test_integers_of_any_size_arrive_exactly() -> None:
    async def huge(request: web.Request) -> web.StreamResponse:
        # Workers with pickled bodies may return them.
        body = b'{"job_id":"a","success":true,"result":[%d,%d,1.5]}' % (2**64, -(2**70))
        return web.Response(body=body, content_type="application/json")

    async with Gateway(huge).client() as client:
        assert await client.call("fn") == [2**64, -(2**70), 1.5]


async def test_a_failure_is_not_a_failed_request() -> None:
    error = {"type": "ValueError", "message": "no", "code": "error"}
    gateway = Gateway(answer(200, {"job_id": "a", "success": False, "error": error}))
    async with gateway.client() as client:
        with pytest.raises(JobFailed, match="ValueError: no"):
            await client.call("fn")


async def test_a_wait_goes_on_through_a_gateway_that_shuts_down_dies_and_comes_back() -> None:
    draining = answer(202, JOB, Connection="close", Preference_Applied="wait=30")
    gateway = Gateway(
        draining, draining, hang_up, problem(503, "not-ready", retryable=True), hang_up, success("still here")
    )
    async with gateway.client(request_timeout=0.1) as client:
        assert await client.call("fn", _timeout=20) == "still here"
    assert [method for method, *_ in gateway.requests] == ["POST"] + ["GET"] * 5


async def test_a_wait_ends_at_once_when_trying_again_is_of_no_use() -> None:
    gateway = Gateway(ACCEPTED, problem(503, "misconfigured"))
    async with gateway.client() as client:
        with pytest.raises(GatewayUnavailable):
            await client.call("fn", _timeout=30)
    assert len(gateway.requests) == 2


async def test_a_wait_that_is_refused_is_tried_once_more_at_its_end() -> None:
    gateway = Gateway(ACCEPTED, problem(429, "too-many-waits", headers={"Retry-After": "60"}))
    async with gateway.client() as client:
        start = monotonic()
        with pytest.raises(ResultTimeout) as caught:
            await client.call("fn", _timeout=0.5)
    assert 0.5 <= monotonic() - start < 20
    assert isinstance(caught.value.__cause__, RateLimited)
    assert len(gateway.requests) == 3


async def test_early_answers_do_not_make_the_client_run_hot() -> None:
    gateway = Gateway(ACCEPTED)
    async with gateway.client() as client:
        start = monotonic()
        with pytest.raises(ResultTimeout):
            await client.call("fn", _timeout=1)
    assert monotonic() - start >= 1
    assert len(gateway.requests) < 12


async def test_the_callers_time_is_kept_whatever_the_gateway_does() -> None:
    gateway = Gateway(ACCEPTED, never)
    async with gateway.client() as client:
        start = monotonic()
        with pytest.raises(ResultTimeout) as caught:
            await client.call("fn", _timeout=0.3)
    assert monotonic() - start < 0.3 + 10
    assert caught.value.job is not None
    assert caught.value.job.id == gateway.job_ids[0]


async def test_a_call_whose_gateway_is_silent_ends_as_unknown() -> None:
    gateway = Gateway(never)
    async with gateway.client() as client:
        with pytest.raises(OutcomeUnknown, match="did not answer in time"):
            await client.call("fn", _timeout=0.1)


async def test_a_long_wait_is_cut_into_polls_that_proxies_bear() -> None:
    gateway = Gateway(ACCEPTED, success(1))
    async with gateway.client() as client:
        assert await client.call("fn", _timeout=None) == 1
    assert gateway.requests[0][2]["Prefer"] == "wait=30.000"
    assert gateway.requests[1][1].endswith("/result?wait=30.000")


async def test_gone_is_told_from_unknown() -> None:
    gateway = Gateway(ACCEPTED, problem(404, "job-not-found"))
    async with gateway.client() as client:
        with pytest.raises(ResultGone):
            await client.call("fn")
        with pytest.raises(JobNotFound) as caught:
            await client.job("a").result()
        assert type(caught.value) is JobNotFound
        gateway.replies = [problem(410, "result-not-kept")]
        with pytest.raises(ResultGone):
            await client.job("a").result()


async def test_an_abort_whose_answer_was_lost_looks_how_the_job_ended() -> None:
    aborted = {"type": "CancelledError", "message": "", "code": "aborted"}
    ended = answer(200, {"job_id": "a", "success": False, "error": aborted})
    gateway = Gateway(hang_up, problem(409, "already-finished"), ended)
    async with gateway.client() as client:
        assert await client.job("a").abort() is True
        gateway.replies = [problem(409, "already-finished"), success(1)]
        assert await client.job("a").abort() is False


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
            problem(404, "unknown-function", near=[]),
            UnknownFunction,
            "No worker offers 'fn': check its name, or start a worker that has it.",
        ),
        (
            answer(
                200,
                {
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
            answer(200, {"success": False, "error": {"code": "invalid-arguments", "message": "missing 'b'"}}),
            InvalidArguments,
            "The arguments do not fit the function: missing 'b'.",
        ),
        (
            problem(409, "job-exists"),
            JobExists,
            "There is a job with this id already: use the `job` of this error, or choose another id.",
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
        with pytest.raises(GatewayUnavailable) as caught:
            await client.call("fn")
    message, tracebacks = texts(caught.value)
    assert message.startswith(f"There is no trusted connection to https://{gateway.url[7:]}: ")
    assert tracebacks == 1
