"""What operators ask a gateway for: what the client sends, and what it makes of answers."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from harness.http.fake_gateway import Gateway, answer, hang_up, problem
from jobgate.client import (
    Client,
    Forbidden,
    GatewayUnavailable,
    InvalidOption,
    JobgateError,
    OutcomeUnknown,
    UnexpectedAnswer,
)

OPERATION = {"job_id": "op", "function": "bulk_retry", "queue": "arq:operations", "status": "queued"}
COUNTS = {"enqueued": 2, "succeeded": 1, "failed": 1, "aborted": 0, "retried": 0}
QUEUE: dict[str, Any] = {
    "queue": "mail",
    "depth": {"queued": 1, "deferred": 2, "in_progress": 3, "stuck": 4},
    "oldest_due_age": 1.5,
    "paused": False,
    "paused_since": None,
    "workers": 1,
    "health_line": True,
    "last_hour": {
        "start": "2026-11-27T08:31:00.000Z",
        "step": 60,
        "series": {kind: [0, number] for kind, number in COUNTS.items()},
        "total": COUNTS,
        "functions": [{"function": None, **COUNTS}],
    },
    "of_a_later_release": {},
}


async def test_an_operation_whose_answer_is_lost_is_begun_once() -> None:
    gateway = Gateway(hang_up, answer(202, OPERATION))
    async with gateway.client() as client:
        assert (await client.bulk_retry(function="fn", limit=5)).id == "op"
    keys = {headers["Idempotency-Key"] for _, _, headers, _ in gateway.requests}
    assert len(keys) == 1
    assert [body for *_, body in gateway.requests] == [{"filter": {"function": "fn"}, "limit": 5}] * 2


@pytest.mark.parametrize(
    ("ask", "error", "advice"),
    [
        (
            lambda client: client.bulk_retry(["a"]),
            OutcomeUnknown,
            "send it again, no job is retried or aborted twice",
        ),
        (
            lambda client: client.pause("mail"),
            OutcomeUnknown,
            "send it again, a second pause or resume changes nothing",
        ),
        (
            lambda client: client.bulk_abort(["a"], dry_run=True),
            GatewayUnavailable,
            "check that it runs",
        ),
    ],
    ids=["retry", "pause", "count"],
)
async def test_what_may_have_been_done_is_said(
    ask: Callable[[Client], Awaitable[Any]], error: type[JobgateError], advice: str
) -> None:
    gateway = Gateway(hang_up)
    async with gateway.client(request_timeout=0.2) as client:
        with pytest.raises(error, match=advice) as caught:
            await ask(client)
    assert type(caught.value) is error


async def test_pages_are_read_one_after_another() -> None:
    job = {"job_id": "a", "function": "fn", "queue": "mail", "status": "queued"}
    pages = [
        answer(200, {"jobs": jobs, "next_cursor": cursor})
        for jobs, cursor in (([job], "wYQ"), ([], "fYQ"), ([job, job], ""))
    ]
    gateway = Gateway(*pages)
    async with gateway.client() as client:
        assert len([job async for job in client.jobs(queue="mail", success=True, limit=5)]) == 3
    assert [path.partition("?")[2] for _, path, _, _ in gateway.requests] == [
        "queue=mail&success=true&cursor=&limit=5",
        "queue=mail&success=true&cursor=wYQ&limit=4",
        "queue=mail&success=true&cursor=fYQ&limit=4",
    ]


async def test_what_a_later_release_adds_is_ignored_and_what_is_missing_is_not() -> None:
    gateway = Gateway(
        answer(200, {"queues": [QUEUE], "next_cursor": ""}),
        answer(200, {"queues": [{**QUEUE, "depth": None}], "next_cursor": ""}),
        answer(200, []),
        problem(403, "forbidden"),
    )
    async with gateway.client() as client:
        (queue,) = await client.queues()
        assert (queue.queued, queue.deferred, queue.in_progress) == (1, 2, 3)
        assert [minute.enqueued for minute in queue.last_hour.minutes] == [0, 2]
        assert queue.last_hour.functions[None] == queue.last_hour.total
        for wrong in (UnexpectedAnswer, UnexpectedAnswer, Forbidden):
            with pytest.raises(wrong):
                await client.queues()


async def test_names_that_are_no_text_and_times_beyond_the_calendar_are_refused() -> None:
    async with Gateway(answer(200, {})).client() as client:
        for ask in (
            client.bulk_abort(function="\udcff"),
            client.bulk_retry(since=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))),
            client.pause("\udcff"),
            client.queue(""),
            anext(client.events(queue="\udcff")),
        ):
            with pytest.raises(InvalidOption):
                await ask


async def test_the_result_of_another_job_is_none_of_an_operation() -> None:
    ended = {"job_id": "op", "status": "complete", "success": True, "result": {"matched": 1}}
    gateway = Gateway(answer(202, OPERATION), answer(200, ended))
    async with gateway.client() as client:
        operation = await client.bulk_abort(["a"])
        with pytest.raises(UnexpectedAnswer, match="bulk operation"):
            await operation.result()
        for limit in (0, True, 1.5):
            with pytest.raises(InvalidOption, match="limit"):
                await client.bulk_abort(["a"], limit=limit)  # type: ignore[arg-type]
