"""`GET /events`: what happens to the jobs that a caller may see, with gaps where something is left out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.http.event_streams import EventReader, Seen, events_of
from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker, Failure, JobRequest
from jobgate.gateway import new_key

OTHER = "other:queue"


class Opened:
    """Streams of one gateway, which the test need not close."""

    def __init__(self, gateway: RunningGateway, stack: AsyncExitStack) -> None:
        self._gateway = gateway
        self._stack = stack

    async def __call__(
        self, query: str = "", *, after: str = "", resumes: bool = False, **headers: str
    ) -> EventReader:
        """Open a stream, and return when it has begun."""
        url = f"{self._gateway.url}/events{query}"
        opening = events_of(self._gateway.session, url, after=after, **headers)
        reader = await self._stack.enter_async_context(opening)
        if not resumes:
            await reader.begun()
        return reader


@pytest.fixture
async def opened(gateway: RunningGateway) -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:
        yield Opened(gateway, stack)


def brief(event: Seen) -> tuple[Any, ...]:
    return event.kind, event.data["job_id"], event.data["function"], event.data["success"]


async def some(reader: EventReader, count: int) -> list[tuple[Any, ...]]:
    """Return the next events; a gap in between, because queues were added, does not count."""
    events: list[Seen] = []
    while len(events) < count:
        event = await reader.next()
        events += [event] if event.kind != "gap" else []
    return [brief(event) for event in events]


async def test_what_happens_is_shown(gateway: RunningGateway, opened: Opened, worker: PlayedWorker) -> None:
    stream = await opened()
    assert stream.answer.headers["Content-Type"] == "text/event-stream"
    assert stream.text.startswith(b"retry: 1000\n\nid: ")
    await gateway.post("/jobs/add", {"job_id": "a"})
    event = await stream.next()
    assert brief(event) == ("enqueued", "a", "add", None)
    assert event.data["queue"] == "arq:queue"
    assert event.data["time"].endswith("Z")
    claimed = await worker.claim()
    assert brief(await stream.next()) == ("started", "a", "add", None)
    await worker.broker.retry(claimed.lease, defer=None, score_ms=claimed.score_ms)
    assert brief(await stream.next()) == ("retried", "a", "add", None)
    await worker.run_one(1)
    assert await some(stream, 2) == [("started", "a", "add", None), ("finished", "a", "add", True)]
    await gateway.post("/jobs/f", {"job_id": "b"})
    await worker.run_one(failure=Failure(type="ValueError", message="no"))
    assert [await some(stream, 3)][0][-1] == ("finished", "b", "f", False)


async def test_jobs_that_keep_no_result_are_shown_too(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker
) -> None:
    stream = await opened()
    await gateway.post("/jobs/add", {"job_id": "a", "keep_result": 0})
    assert brief(await stream.next())[0] == "enqueued"
    claimed = await worker.claim()
    await worker.finish(claimed, 1, keep=0)
    assert await some(stream, 2) == [("started", "a", "add", None), ("finished", "a", "add", None)]


async def test_queue_and_function_are_filters(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker
) -> None:
    await worker.broker.enqueue(request_of("f", job_id="0", queue=OTHER))
    streams = [await opened(query) for query in ("", f"?queue={OTHER}", "?function=f")]
    for number, (function, queue) in enumerate((("f", "arq:queue"), ("g", OTHER), ("f", OTHER))):
        await worker.broker.enqueue(request_of(function, job_id=f"j{number}", queue=queue))
    jobs = [
        {one[1] for one in await some(stream, count)}
        for stream, count in zip(streams, (3, 2, 2), strict=True)
    ]
    assert jobs == [{"j0", "j1", "j2"}, {"j1", "j2"}, {"j0", "j2"}]


@pytest.mark.parametrize(
    "query",
    [
        *("?queue=arq:abort", "?queue=a%20b", "?function=%20", "?since=1", "?queue=a&queue=b", "?x"),
        *("?every=0", "?every=31", "?every=1.5", "?every=", "?every=%C2%B2"),
    ],
)
async def test_other_queries_are_refused(gateway: RunningGateway, query: str) -> None:
    status, problem, _ = await gateway.get(f"/events{query}")
    assert (status, problem["code"]) == (422, "invalid-request")


async def test_a_resumed_stream_shows_what_has_ended_since(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker
) -> None:
    stream = await opened()
    for name in ("a", "b"):
        await gateway.post("/jobs/add", {"job_id": name})
        await worker.run_one(1)
    seen = [await stream.next() for _ in range(6)]
    stream.answer.close()
    for name in ("c", "d"):
        await gateway.post("/jobs/add", {"job_id": name})
        await worker.run_one(1)
    ends = [event for event in seen if event.kind == "finished"]
    for place, event in enumerate(ends):
        resumed = await opened(after=event.cursor, resumes=True)
        gap, *rest = [await resumed.next() for _ in range(4 - place)]
        assert (gap.kind, gap.data) == ("gap", {"missed": None})
        assert [brief(one)[:2] for one in rest] == [("finished", name) for name in "abcd"[place + 1 :]]
        resumed.answer.close()
    resumed = await opened(after=rest[-1].cursor, resumes=True)
    assert (await resumed.next()).kind == "gap"
    await gateway.post("/jobs/add", {"job_id": "e"})
    assert brief(await resumed.next())[:2] == ("enqueued", "e"), "nothing is repeated"


async def test_a_cursor_of_something_else_is_no_cursor(gateway: RunningGateway, opened: Opened) -> None:
    for strange in ("x", "12", "9" * 30 + ":"):
        stream = await opened(after=strange)
        await gateway.post("/jobs/add", {"job_id": f"of-{len(strange)}"})
        assert (await stream.next()).kind == "enqueued"
    for early in ("0:", "1:complete", "9" * 16 + ":z"):
        stream = await opened(after=early, resumes=True)
        assert (await stream.next()).kind == "gap"


async def test_streams_go_on_after_redis_was_away(
    valkey_server: RedisServer, gateway: RunningGateway, opened: Opened
) -> None:
    stream = await opened()
    valkey_server.restart()
    async with Broker(valkey_server.url) as broker:
        await broker.enqueue(JobRequest(function="f", job_id="a"))
        await PlayedWorker(broker).run_one(1)
        seen = [await stream.next()]
        while seen[-1].kind != "finished":
            seen.append(await stream.next(60))
    assert seen[-1].data["job_id"] == "a"
    assert "gap" in {event.kind for event in seen}


@pytest.mark.parametrize("query", ["", "?every=1"])
@pytest.mark.parametrize("after", ["", "1:"])
async def test_a_stream_that_cannot_begin_shows_that_it_lives(
    valkey_server: RedisServer,
    gateway: RunningGateway,
    opened: Opened,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    after: str,
) -> None:
    for module in ("events.open_streams", "handlers.change_stream"):
        monkeypatch.setattr(f"jobgate.gateway.{module}.QUIET", 0.1)
    valkey_server.stop()
    stream = await opened(query, after=after, resumes=True)
    while b":\n\n:\n\n" not in stream.text:
        stream.text += await asyncio.wait_for(stream.answer.content.readany(), 20)
    stream.answer.close()

    async def has_no_stream() -> bool:
        status, metrics, _ = await gateway.ask("GET", "/metrics")
        assert status == 200
        return "jobgate_gateway_event_streams 0.0" in str(metrics)

    await eventually_async(has_no_stream, what="the client that has gone keeps no place")


async def test_too_much_is_left_out_and_counted(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker
) -> None:
    count = 3000
    stream = await opened()
    await asyncio.gather(
        *(worker.broker.enqueue(JobRequest(function="f", job_id=f"j{number}")) for number in range(count))
    )
    shown, missed = 0, 0
    while shown + missed < count:
        event = await stream.next()
        shown += event.kind == "enqueued"
        missed += event.data["missed"] if event.kind == "gap" else 0
    assert shown + missed == count
    assert 0 < shown <= 1000


async def test_a_reader_that_lags_behind_gets_a_gap(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.broker.feed.onlooker._MOST", 3)
    stream = await opened()
    jobs = [worker.broker.enqueue(JobRequest(function="f", job_id=f"j{number}")) for number in range(20)]
    await asyncio.gather(*jobs)
    seen = [await stream.next()]
    while seen[-1].kind != "gap":
        seen.append(await stream.next())
    assert len(seen) - 1 + seen[-1].data["missed"] == 20


async def test_callers_see_their_own_jobs(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    scopes = {"a": ("enqueue:*", "read"), "b": ("enqueue:*", "read"), "c": ("read:*",), "d": ("enqueue:*",)}
    made = {name: new_key(name, allowed) for name, allowed in scopes.items()}
    path.write_text("\n".join(entry for _, entry in made.values()))
    headers = {name: {"Authorization": f"Bearer {key}"} for name, (key, _) in made.items()}
    async with running_gateway(redis_url, keys_file=path) as gateway, AsyncExitStack() as stack:
        opened = Opened(gateway, stack)
        assert (await gateway.get("/events"))[0] == 401
        assert (await gateway.get("/events", headers=headers["d"]))[0] == 403
        streams = {name: await opened(Authorization=headers[name]["Authorization"]) for name in "abc"}
        for name in "ab":
            await gateway.post("/jobs/f", {"job_id": f"of-{name}"}, headers=headers[name])
        assert {one[1] for one in await some(streams["c"], 2)} == {"of-a", "of-b"}
        for name in "ab":
            await gateway.post("/jobs/f", {"job_id": f"next-of-{name}"}, headers=headers[name])
            assert [one[1] for one in await some(streams[name], 2)] == [f"of-{name}", f"next-of-{name}"]


async def test_nothing_is_published_when_nobody_looks_on(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    status, body, headers = await gateway.ask("HEAD", "/events")
    assert (status, body, headers["X-Accel-Buffering"]) == (200, b"", "no")
    stream = await opened()
    with valkey_server.client() as client:
        assert client.exists("arq:queue:job-listeners")
        stream.answer.close()

        async def unsubscribed() -> bool:
            return bool(client.pubsub_numsub("arq:queue:job-notices")[0][1] == 0)

        await eventually_async(unsubscribed, what="nobody is subscribed")


async def test_a_shutdown_ends_streams_with_a_hint(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway, AsyncExitStack() as stack:
        stream = await Opened(gateway, stack)()
        gateway.stop.set()
        assert await stream.rest() == []
        assert stream.text.endswith(b": the gateway shuts down: reconnect with Last-Event-ID\n\n")
