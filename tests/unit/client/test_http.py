"""The client over HTTP: what it sends, what it repeats, and what its errors say."""

from time import monotonic

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from harness.http.fake_gateway import ACCEPTED, JOB, Gateway, Reply, answer, hang_up, page, problem, success
from harness.tools import free_port
from jobgate.client import (
    Client,
    Forbidden,
    GatewayUnavailable,
    InvalidArguments,
    InvalidRequest,
    JobExists,
    JobFailed,
    JobgateError,
    NoWorker,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    UnexpectedAnswer,
    UnknownFunction,
)


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
    errors = [
        {"pointer": "#/args/0", "detail": "It must be an integer."},
        {"pointer": "#/kwargs/lang", "detail": "It must be a string."},
    ]
    gateway = Gateway(problem(422, "invalid-arguments", errors=errors))
    async with gateway.client() as client:
        with pytest.raises(InvalidArguments) as caught:
            await client.call("fn", "x")
    found = [(error.pointer, error.detail) for error in caught.value.errors]
    assert found == [("#/args/0", "It must be an integer."), ("#/kwargs/lang", "It must be a string.")]
    assert str(caught.value) == (
        "The function does not accept the arguments:\n"
        "  args/0: It must be an integer.\n"
        "  kwargs/lang: It must be a string."
    )


async def test_one_wrong_argument_is_one_line() -> None:
    errors = [{"pointer": "#/args/0", "detail": "It must be an integer."}]
    gateway = Gateway(problem(422, "invalid-arguments", errors=errors))
    async with gateway.client() as client:
        with pytest.raises(InvalidArguments) as caught:
            await client.call("fn", "x")
    assert str(caught.value) == "The function does not accept the arguments: args/0: It must be an integer."


async def test_integers_of_any_size_arrive_exactly() -> None:
    async def huge(request: web.Request) -> web.StreamResponse:
        # Workers with pickled bodies may return them.
        body = b'{"job_id":"a","success":true,"result":[%d,%d,1.5]}' % (2**64, -(2**70))
        return web.Response(body=body, content_type="application/json")

    async with Gateway(huge).client() as client:
        assert await client.job("a").result() == [2**64, -(2**70), 1.5]


async def test_a_failure_is_not_a_failed_request() -> None:
    error = {"type": "ValueError", "message": "no", "code": "error"}
    gateway = Gateway(answer(200, {"job_id": "a", "success": False, "error": error}))
    async with gateway.client() as client:
        with pytest.raises(JobFailed, match="ValueError: no"):
            await client.call("fn")
