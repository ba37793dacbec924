"""Answers that no gateway gives: of another server, of a cache, or broken on the way. They are errors."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from harness.http.fake_gateway import JOB, Gateway, answer, page
from jobgate.client import Call, Client, UnexpectedAnswer

NOW = "2026-08-01T00:00:00Z"
COUNTS = dict.fromkeys(("enqueued", "succeeded", "failed", "aborted", "retried"), 1)
LISTED = {
    "jobs": JOB | {"progress": {"fraction": 0.5, "message": "half", "time": NOW}, "finish_time": NOW},
    "queues": {
        "queue": "q",
        "depth": {"queued": 1, "deferred": 0, "in_progress": 0},
        "oldest_due_age": 1.5,
        "paused": False,
        "paused_since": None,
        "workers": 1,
        "health_line": False,
        "last_hour": {
            "start": NOW,
            "series": {name: [1, 2] for name in COUNTS},
            "total": COUNTS,
            "functions": [{"function": "fn", **COUNTS}],
        },
    },
    "workers": {
        "worker": "w",
        "host": "h",
        "pid": 1,
        "version": "1",
        "queues": ["q"],
        "functions": ["fn"],
        "start_time": NOW,
        "heartbeat_time": NOW,
        "max_jobs": 10,
        "in_progress": 1,
        "running": [{"job_id": "a", "function": "fn", "start_time": NOW}],
        "since_start": {"succeeded": 1, "failed": 0, "retried": 0},
        "lag": 0.1,
        "memory": 1,
    },
    "functions": {
        "name": "fn",
        "description": "d",
        "parameters": [{"name": "x", "kind": "var_keyword", "required": True, "schema": {}}],
        "returns": True,
        "returns_description": None,
        "$defs": {},
        "timeout": 1,
        "max_tries": 5,
        "queues": ["q"],
        "workers": 1,
        "versions": 1,
    },
}  # fmt: skip
#: Members that may be anything.
OPEN = {"default", "schema", "returns", "$defs"}


def listing(what: str, entry: object, cursor: object = "") -> dict[str, object]:
    return {what: [entry], "next_cursor": cursor}


async def read(client: Client, what: str) -> list[Any]:
    if what == "jobs":
        return [job async for job in client.jobs()]
    return list(await getattr(client, what)())


def places(document: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the ways to all members of a document."""
    members = document.items() if isinstance(document, dict) else enumerate(document)
    for name, value in members:
        yield (name,)
        if name not in OPEN and isinstance(value, dict | list):
            yield from ((name, *rest) for rest in places(value))


def spoilt(document: Any) -> Iterator[Any]:
    """Yield the document with one member after another that has a wrong type."""
    for place in places(document):
        if place[-1] not in OPEN:
            changed = copy.deepcopy(document)
            inner = changed
            for name in place[:-1]:
                inner = inner[name]
            inner[place[-1]] = [None]
            yield changed


@pytest.mark.parametrize("what", LISTED)
async def test_members_of_a_wrong_type(what: str) -> None:
    wrong = list(spoilt(LISTED[what]))
    gateway = Gateway(*(answer(200, listing(what, each)) for each in [LISTED[what], *wrong]))
    async with gateway.client() as client:
        assert len(await read(client, what)) == 1
        for each in wrong:
            with pytest.raises(UnexpectedAnswer):
                pytest.fail(f"{await read(client, what)} of {each}")


@pytest.mark.parametrize("what", ["jobs", "queues", "workers"])
@pytest.mark.parametrize("cursor", ["same", 1, None, ["a"]])
async def test_a_list_that_does_not_move_on(what: str, cursor: object) -> None:
    async with Gateway(answer(200, listing(what, LISTED[what], cursor))).client() as client:
        with pytest.raises(UnexpectedAnswer):
            await read(client, what)


@pytest.mark.parametrize(
    "reply",
    [
        answer(202, {"status": "ok"}),
        answer(202, JOB | {"job_id": "of another"}),
        answer(200, {"job_id": "of another", "status": "complete", "success": True, "result": 1}),
        answer(200, {"status": "complete", "success": True, "result": 1}),
        answer(200, []),
        page(200),
    ],
)
async def test_an_answer_about_another_job_confirms_nothing(reply: Any) -> None:
    async with Gateway(reply).client() as client:
        for ask in (client.enqueue, client.call):
            with pytest.raises(UnexpectedAnswer):
                await ask("fn")
        with pytest.raises(UnexpectedAnswer):
            await client.job("mine").result()


async def test_a_batch_whose_lines_are_about_other_jobs_confirms_nothing() -> None:
    async with Gateway(answer(200, {"status": 202, "job": JOB})).client() as client:
        with pytest.raises(UnexpectedAnswer):
            [job async for job in client.enqueue_many([Call("fn")])]


async def test_json_that_is_too_deep_to_be_read() -> None:
    deep = b'{"job_id":1234567890123456789,"x":' + b"[" * 100_000
    reply = answer(200, {})

    async def nested(request: Any) -> Any:
        response = await reply(request)
        response.body = deep  # type: ignore[attr-defined]
        return response

    async with Gateway(nested).client() as client:
        with pytest.raises(UnexpectedAnswer):
            await client.job("a").info()
