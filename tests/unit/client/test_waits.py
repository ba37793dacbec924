"""The client over HTTP waits: through gateways that die, end early or are silent."""

import asyncio
from time import monotonic

import pytest

from harness.http.fake_gateway import ACCEPTED, JOB, Gateway, answer, hang_up, never, problem, success
from harness.tools import free_port
from jobgate.client import (
    Client,
    GatewayUnavailable,
    JobNotFound,
    OutcomeUnknown,
    RateLimited,
    ResultGone,
    ResultTimeout,
)


async def test_retry_after_is_waited_for() -> None:
    gateway = Gateway(problem(503, "unavailable", retryable=True, headers={"Retry-After": "0.4"}), ACCEPTED)
    async with gateway.client() as client:
        start = monotonic()
        await client.enqueue("fn")
    assert monotonic() - start >= 0.4


async def test_a_gateway_that_comes_up_late_is_waited_for() -> None:
    gateway = Gateway(success(1))
    port = free_port()
    async with Client(f"http://127.0.0.1:{port}", registry=gateway.registry) as client:
        call = asyncio.create_task(client.call("fn"))
        while not gateway.retries("connection"):
            await asyncio.sleep(0)
        async with gateway.serving(port):
            assert await call == 1


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
