"""`GET /jobs/{job_id}/events`: every state of a job in order, resumed after a cut, and each stream ends."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from harness.http.bad_requests import request
from harness.http.event_streams import EventReader, events_of
from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker, Failure, JobRequest
from jobgate.gateway import new_key

PATH = "/jobs/a/events"


class Opened:
    """Streams of one gateway, which the test need not close."""

    def __init__(self, gateway: RunningGateway, stack: AsyncExitStack) -> None:
        self._gateway = gateway
        self._stack = stack

    async def __call__(self, path: str = PATH, *, after: str = "", **headers: str) -> EventReader:
        url = self._gateway.url + path
        return await self._stack.enter_async_context(
            events_of(self._gateway.session, url, after=after, **headers)
        )


@pytest.fixture
async def stack() -> Any:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def opened(gateway: RunningGateway, stack: AsyncExitStack) -> Opened:
    return Opened(gateway, stack)


async def test_a_job_from_its_enqueue_to_its_end(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker
) -> None:
    broker = worker.broker
    await gateway.post("/jobs/add", {"job_id": "a", "args": ["large"], "defer_by": 1})
    stream = await opened()
    headers = stream.answer.headers
    assert stream.answer.status == 200
    assert headers["Content-Type"] == "text/event-stream"
    assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")
    assert (await stream.next()).brief == ("status", "deferred", 0)
    assert stream.text.startswith(b"retry: 1000\n\n")
    assert (await stream.next()).brief == ("status", "queued", 0)
    claimed = await worker.claim()
    started = await stream.next()
    assert started.brief == ("status", "in_progress", 1)
    assert (started.data["worker"], started.data["function"]) == ("played", "add")
    for fraction in (0.25, 0.5):
        await broker.report_progress(claimed.lease, fraction, "half of it")
        event = await stream.next()
        assert event.brief == ("progress", "in_progress", 1)
        assert event.data["progress"]["fraction"] == fraction
    assert await broker.retry(claimed.lease, defer=None, score_ms=claimed.score_ms)
    assert (await stream.next()).brief == ("status", "queued", 1)
    claimed = await worker.claim()
    assert (await stream.next()).brief == ("status", "in_progress", 2)
    await worker.finish(claimed, failure=Failure(type="ValueError", message="no"))
    (last,) = await stream.rest()
    assert last.brief == ("finished", "complete", 2)
    assert last.data["success"] is False
    shown = (await gateway.get("/jobs/a/status"))[1]
    assert {name: shown[name] for name in shown if name not in {"args", "kwargs"}} == last.data


async def test_a_cut_stream_is_resumed_where_it_was(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker
) -> None:
    await gateway.post("/jobs/add", {"job_id": "a"})
    first = await opened()
    seen = await first.next()
    first.answer.close()
    second = await opened(after=seen.cursor)
    claimed = await worker.claim()
    event = await second.next()
    assert event.brief == ("status", "in_progress", 1), "what was seen is not repeated"
    second.answer.close()
    await worker.broker.report_progress(claimed.lease, 0.5)
    third = await opened(after=event.cursor)
    event = await third.next()
    assert event.brief == ("progress", "in_progress", 1)
    third.answer.close()
    await worker.finish(claimed, 1)
    (last,) = await (await opened(after=event.cursor)).rest()
    assert last.brief == ("finished", "complete", 1)
    for method in ("GET", "HEAD"):
        status, body, headers = await gateway.ask(method, PATH, headers={"Last-Event-ID": last.cursor})
        assert (status, body) == (204, b"")
        assert "Content-Length" not in headers
    # A cursor of anything else, such as of an earlier job of this id, is of no use.
    for strange in (seen.cursor, "x" * 1000, "1:complete:00", ":"):
        assert [each.kind for each in await (await opened(after=strange)).rest()] == ["finished"]


async def test_many_streams_of_one_job_show_the_same(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker
) -> None:
    await gateway.post("/jobs/add", {"job_id": "a"})
    streams = [await opened() for _ in range(20)]
    assert {(await each.next()).brief for each in streams} == {("status", "queued", 0)}
    claimed = await worker.claim()
    assert len({(await each.next()).cursor for each in streams}) == 1
    await worker.finish(claimed, 1)
    assert len({(await each.rest())[0].cursor for each in streams}) == 1


async def test_the_outcome_of_a_job_that_keeps_none_is_seen(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker
) -> None:
    await gateway.post("/jobs/add", {"job_id": "a", "keep_result": 0})
    stream = await opened()
    await stream.next()
    claimed = await worker.claim()
    await worker.finish(claimed, 1, keep=0)
    *_, last = await stream.rest()
    assert (last.kind, last.data["success"]) == ("finished", True)


async def test_a_job_that_disappears_ends_its_stream(
    gateway: RunningGateway, opened: Opened, worker: PlayedWorker
) -> None:
    command = worker.broker._core.link.command
    await gateway.post("/jobs/add", {"job_id": "a"})
    stream = await opened()
    await stream.next()
    await command("DEL", "arq:job:a", "arq:queue")
    (last,) = await stream.rest()
    assert (last.kind, last.data["status"], last.data["code"]) == ("gone", 410, "result-not-kept")
    assert last.data["instance"] == stream.answer.headers["X-Request-ID"]
    await gateway.post("/jobs/add", {"job_id": "a"})
    stream = await opened()
    await stream.next()
    await command("FLUSHALL")
    (last,) = await stream.rest()
    assert (last.kind, last.data["code"]) == ("gone", "data-set-changed")
    assert (await gateway.get(PATH))[0] == 404


async def test_requests_that_are_refused(gateway: RunningGateway, opened: Opened) -> None:
    for path, status, code in (
        (PATH, 404, "job-not-found"),
        (f"{PATH}?wait=1", 422, "invalid-request"),
        ("/jobs/%ff/events", 404, "job-not-found"),
    ):
        answer = await gateway.get(path)
        assert (answer[0], answer[1]["code"]) == (status, code)
        assert answer[2]["Content-Type"] == "application/problem+json"
    assert (await gateway.post(PATH))[0] == 405


async def test_head_and_http_1_0(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await gateway.post("/jobs/add", {"job_id": "a"})
    await worker.run_one(1)
    status, body, headers = await gateway.ask("HEAD", PATH)
    assert (status, body, headers["Content-Type"]) == (200, b"", "text/event-stream")
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request(b"", line=f"GET {PATH} HTTP/1.0"))
    head, _, text = (await reader.read()).partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert b"Transfer-Encoding" not in head
    assert text.startswith(b"retry: 1000\n\nevent: finished\n")
    assert text.endswith(b"}\n\n")
    writer.close()


async def test_a_quiet_stream_shows_that_it_lives(
    gateway: RunningGateway, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.gateway.handlers.job_stream.QUIET", 0.1)
    await gateway.post("/jobs/add", {"job_id": "a"})
    stream = await opened()
    await stream.next()
    reading = asyncio.create_task(stream.rest())

    async def lives() -> bool:
        return stream.text.endswith(b"}\n\n:\n\n:\n\n")

    await eventually_async(lives, what="two signs of life")
    reading.cancel()


async def test_a_shutdown_ends_streams_with_a_hint(redis_url: str, worker: PlayedWorker) -> None:
    async with running_gateway(redis_url) as gateway, AsyncExitStack() as stack:
        await gateway.post("/jobs/add", {"job_id": "a"})
        streams = [await Opened(gateway, stack)() for _ in range(3)]
        for each in streams:
            await each.next()
        gateway.stop.set()
        for each in streams:
            assert await each.rest() == []
            assert each.text.endswith(b"\n\n: the gateway shuts down: reconnect with Last-Event-ID\n\n")


async def test_streams_go_on_after_redis_was_away(
    valkey_server: RedisServer, gateway: RunningGateway, opened: Opened
) -> None:
    await gateway.post("/jobs/add", {"job_id": "a"})
    stream = await opened()
    assert (await stream.next()).brief == ("status", "queued", 0)
    valkey_server.restart()
    async with Broker(valkey_server.url) as broker:
        await PlayedWorker(broker).run_one(1)
    *_, last = await stream.rest(60)
    assert last.brief == ("finished", "complete", 1)


def keys_file(path: Path, *entries: tuple[str, tuple[str, ...], str]) -> list[dict[str, str]]:
    """Write a file of keys; returns the headers of their callers."""
    made = [(*new_key(name, scopes), more) for name, scopes, more in entries]
    path.write_text("\n".join(f"{entry}{more}\n" for _, entry, more in made))
    return [{"Authorization": f"Bearer {key}"} for key, _, _ in made]


async def test_streams_are_for_those_who_may_read(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    own = ("enqueue:*", "read")
    mine, other, all_of_them, writer = keys_file(
        path, ("a", own, ""), ("b", own, ""), ("c", ("read:*",), ""), ("d", ("enqueue:*",), "")
    )
    async with (
        running_gateway(redis_url, keys_file=path) as gateway,
        AsyncExitStack() as stack,
        Broker(redis_url) as broker,
    ):
        opened = Opened(gateway, stack)
        await gateway.post("/jobs/add", {"job_id": "a"}, headers=mine)
        assert (await gateway.get(PATH))[0] == 401
        assert (await gateway.get(PATH, headers=writer))[0] == 403
        unknown = await gateway.get("/jobs/b/events", headers=other)
        foreign = await gateway.get(PATH, headers=other)
        assert foreign[0] == unknown[0] == 404
        assert foreign[1] | {"instance": ""} == unknown[1] | {"instance": ""}
        streams = [await opened(**headers) for headers in (mine, all_of_them)]
        assert {(await each.next()).brief for each in streams} == {("status", "queued", 0)}
        # The id changes hands: whoever sees all jobs sees on, the first owner does not.
        await broker._core.link.command("DEL", "arq:job:a", "arq:queue")
        await broker.enqueue(request_of("g", job_id="a", owner="b"))
        assert [each.kind for each in await streams[0].rest()] == ["gone"]


async def test_a_key_that_is_revoked_or_has_expired_ends_its_streams(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    scopes = ("enqueue:*", "read:*")
    revoked, kept = keys_file(path, ("a", scopes, ""), ("b", scopes, ""))
    lines = path.read_text()
    async with running_gateway(redis_url, keys_file=path) as gateway, AsyncExitStack() as stack:
        await gateway.post("/jobs/add", {"job_id": "a"}, headers=kept)
        streams = [await Opened(gateway, stack)(**headers) for headers in (revoked, kept)]
        for each in streams:
            await each.next()
        path.write_text(lines[lines.index("[[key]]", 1) :])
        assert await streams[0].rest() == []
        assert streams[0].text.endswith(b"\n\n: the key does not allow this any more\n\n")
        assert (await gateway.get(PATH, headers=revoked))[0] == 401
        assert not streams[1].answer.content.at_eof()


async def test_the_number_of_streams_is_limited(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    scopes = ("enqueue:*", "read:*")
    few, many = keys_file(path, ("a", scopes, "waits = 1"), ("b", scopes, ""))
    async with (
        running_gateway(redis_url, keys_file=path, max_streams=3) as gateway,
        AsyncExitStack() as stack,
    ):
        opened = Opened(gateway, stack)
        await gateway.post("/jobs/add", {"job_id": "a"}, headers=few)

        async def refused(headers: dict[str, str], detail: str) -> None:
            status, problem, answered = await gateway.get(PATH, headers=headers)
            assert (status, problem["code"], problem["detail"]) == (429, "too-many-streams", detail)
            assert answered["Retry-After"] == "1"

        streams = [await opened(**few)]
        await streams[0].next()
        await refused(few, "This key has too many streams.")
        streams += [await opened(**many) for _ in range(2)]
        for each in streams[1:]:
            await each.next()
        await refused(many, "Try again later, or ask for the job's status.")
        streams[0].answer.close()

        async def is_free() -> bool:
            return (await gateway.ask("HEAD", PATH, headers=few))[0] == 200

        await eventually_async(is_free, what="the place of a stream that has ended")


@pytest.mark.parametrize("path", [PATH, "/events", "/events?every=1"])
async def test_streams_that_open_at_the_same_time_are_all_counted(redis_url: str, path: str) -> None:
    async with (
        running_gateway(redis_url, max_streams=5) as gateway,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        await gateway.post("/jobs/add", {"job_id": "a"})
        answers = await asyncio.gather(*(session.get(f"{gateway.url}{path}") for _ in range(40)))
        assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 35
        for answer in answers:
            answer.close()


async def test_a_stream_holds_no_arguments(gateway: RunningGateway, opened: Opened, redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        await broker.enqueue(JobRequest(function="f", job_id="a", args=["x" * 100_000]))
        stream = await opened()
        assert len(str((await stream.next()).data)) < 1000
