"""The gateway's door: bad requests of many kinds, limits, deadlines, hosts, origins and keys."""

import asyncio
import json
import logging
import select
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from harness.http.bad_requests import BAD, raw, request, typed, why_unexpected
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.tools import free_port
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.gateway import new_key
from jobgate.gateway.auth import keys_file
from jobgate.gateway.http.connection import KNOWN_RELEASES

JSON = {"Content-Type": "application/json"}
#: Headers that ask for another protocol, which the gateway does not have.
UPGRADE = ("Connection: Upgrade", "Upgrade: h2c")


@pytest.fixture(params=["known", "unknown"])
def _aiohttp(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release of aiohttp whose loop over the requests of a connection is ours, and one where it is not."""
    if request.param == "unknown":
        monkeypatch.setattr("jobgate.gateway.http.connection.KNOWN_RELEASES", frozenset())


def test_the_locked_release_of_aiohttp_is_known() -> None:
    """Before one is added, compare its `RequestHandler`: `Connection.start` repeats parts of it."""
    assert aiohttp.__version__ in KNOWN_RELEASES


async def test_two_hundred_bad_requests(
    gateway: RunningGateway, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(BAD) >= 200
    caplog.set_level(logging.DEBUG)
    unexpected = []
    for sent in BAD:
        before = len(caplog.records)
        answer = await raw(gateway.port, sent)
        lines = [
            record
            for record in caplog.records[before:]
            if record.name.startswith(("jobgate", "aiohttp", "asyncio"))
        ]
        wrong = why_unexpected(sent, answer)
        if wrong or len(lines) > 1 or any(record.exc_info for record in lines):
            unexpected.append((wrong, sent[:120], answer[:200], [record.getMessage() for record in lines]))
    assert unexpected == []
    assert (await gateway.get("/livez"))[0] == 200
    async with Broker(redis_url) as broker:
        depth = await broker.queue_depth()
        assert (depth.queued, depth.deferred) == (0, 0), "a bad request has made a job"


async def test_what_curl_sends_is_json(gateway: RunningGateway) -> None:
    for headers in (
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "Application/JSON; Charset=UTF-8"},
    ):
        status, job, _ = await gateway.ask("POST", "/jobs/f", data=b'{"args":["README.md"]}', headers=headers)
        assert (status, job["function"]) == (202, "f")
    answer = await raw(gateway.port, request(b'{"args":[1]}'))
    assert answer.startswith(b"HTTP/1.1 202 ")
    answer = await raw(
        gateway.port, request(b"{}", "Origin: http://localhost", "Sec-Fetch-Site: same-origin")
    )
    assert answer.startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize(
    "body",
    [
        b"a=b",
        b"args=1&args=2",
        b"%7B%22args%22%3A%5B1%5D%7D=",
        b"a+b=%20&c",
        b'a={"args":[1]}',
        b"a&b=1",
        b"=",
    ],
)
async def test_form_fields_are_told_that_they_are_not_read(gateway: RunningGateway, body: bytes) -> None:
    for headers in ({"Content-Type": "application/x-www-form-urlencoded"}, JSON):
        status, problem, _ = await gateway.ask("POST", "/jobs/f", data=body, headers=headers)
        assert (status, problem["code"]) == (400, "malformed-json")
        assert problem["detail"] == "The body must be JSON: form fields are not accepted."


async def test_broken_json_is_not_taken_for_form_fields(gateway: RunningGateway) -> None:
    for body in (b'{"args":["a=b"}', b'["a=b"', b"'a=b'", b"nul", b'{"a":1', b'{"args"=[]}'):
        status, problem, _ = await gateway.ask("POST", "/jobs/f", data=body, headers=JSON)
        assert (status, problem["code"]) == (400, "malformed-json")
        assert "column" in problem["detail"]


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "LocalHost", "127.0.0.1:8080", "127.9.9.9", "[::1]:99", "[::1]"]
)
async def test_loopback_hosts(gateway: RunningGateway, host: str) -> None:
    assert (await raw(gateway.port, request(line="GET /livez HTTP/1.1", host=host))).startswith(
        b"HTTP/1.1 200 "
    )


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("localhost:8080", "HTTP://LocalHost:8080"),
        ("LOCALHOST:8080", "http://localhost:8080"),
    ],
)
async def test_a_page_of_the_gateways_own_site_may_enqueue(
    gateway: RunningGateway, host: str, origin: str
) -> None:
    """Names of hosts are the same in capitals and without."""
    answer = await raw(gateway.port, request(b"{}", f"Origin: {origin}", host=host))
    assert answer.startswith(b"HTTP/1.1 202 ")


@pytest.mark.usefixtures("_aiohttp")
async def test_other_forms_of_http(gateway: RunningGateway) -> None:
    answer = await raw(gateway.port, b"GET /livez HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in answer
    answer = await raw(gateway.port, request(line=f"GET http://localhost:{gateway.port}/livez HTTP/1.1"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    answer = await raw(gateway.port, request(line="HEAD /livez HTTP/1.1"))
    assert answer.endswith(b"\r\n\r\n")
    assert b"Content-Length: 18" in answer
    pipelined = request(b"{}", line="POST /jobs/f HTTP/1.1") * 3
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(pipelined)
    received = b""
    async with asyncio.timeout(30):
        while received.count(b"HTTP/1.1 202 ") < 3:
            received += await reader.read(65536)
    writer.close()


def told(answer: bytes) -> tuple[bytes, str]:
    """Status and code of a problem."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert b"Connection: close" in head
    return head.split(b" ")[1], json.loads(body)["code"]


async def test_too_large_headers_and_urls_are_refused_by_name(redis_url: str) -> None:
    header = (b"431", "header-too-large")
    url = (b"414", "url-too-long")
    async with running_gateway(redis_url, max_header=2048) as gateway:

        async def ask(path: str, *headers: str) -> bytes:
            return await raw(gateway.port, request(b"", *headers, line=f"GET {path} HTTP/1.1"))

        assert (await ask("/livez", "X:" + "a" * 2046)).startswith(b"HTTP/1.1 200 ")
        assert told(await ask("/livez", "X:" + "a" * 2048)) == header
        assert told(await ask("/livez", "a" * 2048 + ":")) == header
        assert told(await ask("/livez", *["X: a"] * 128)) == header
        assert (await ask("/" + "a" * 2047)).startswith(b"HTTP/1.1 404 ")
        assert told(await ask("/" + "a" * 2048)) == url
        # One that still sends when it is refused can read why.
        endless = b"GET /livez HTTP/1.1\r\nX: " + b"a" * 65536
        assert told(await raw(gateway.port, endless, *[b"a" * 65536] * 30)) == header
        _, text, _ = await gateway.get("/metrics")
    counted = b'requests_total{route="unmatched",status="%d"} %d.0'
    assert counted % (431, 4) in text
    assert counted % (414, 1) in text


@pytest.mark.usefixtures("_aiohttp")
async def test_a_large_body_with_expectation(gateway: RunningGateway) -> None:
    body = json.dumps({"args": ["x" * 900_000]}).encode()
    head = request(b"", *typed("Expect: 100-continue", f"Content-Length: {len(body)}"))
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(head)
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 202 ")
    writer.close()


@pytest.mark.usefixtures("_aiohttp")
async def test_whole_and_late_requests_share_a_connection(gateway: RunningGateway) -> None:
    live, upgrade = (request(b"", *more, line="GET /livez HTTP/1.1") for more in ((), UPGRADE))
    late = request(b"", *typed("Expect: 100-continue", "Content-Length: 2"))
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    for sent, status in (
        (live, b"200"),
        (late, b"100"),
        (b"{}", b"202"),
        (live + live, b"200"),
        (upgrade, b"200"),
    ):
        writer.write(sent)
        for _ in range(sent.count(b"GET ") or 1):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split(b" ")[1] == status
            length = head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
    writer.close()


async def test_a_chunked_body_is_read_and_limited(gateway: RunningGateway) -> None:
    head = request(b"", *typed("Transfer-Encoding: chunked"))
    answer = await raw(gateway.port, head, b"1\r\n{\r\n", b"1\r\n}\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 202 ")
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    answer = await raw(gateway.port, head, *([chunk] * 17))
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_slow_bodies_and_headers_are_cut(redis_url: str) -> None:
    async with running_gateway(redis_url, body_deadline=1, header_deadline=1) as gateway:
        start = time.monotonic()
        answer = await raw(gateway.port, request(b"", *typed("Content-Length: 5")), b"{")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"Connection: close" in answer
        assert await raw(gateway.port, b"GET /livez HT") == b""
        assert await raw(gateway.port) == b""
        # Also on a connection that has served a request before.
        assert (await raw(gateway.port, request(line="GET /livez HTTP/1.1") + b"GET /li")).startswith(
            b"HTTP/1.1 200 "
        )
        assert time.monotonic() - start < 25, "by default, 45 s"


async def test_too_many_waits_are_429(redis_url: str) -> None:
    async with running_gateway(redis_url, max_waits=2) as gateway:
        waiting = [asyncio.create_task(gateway.post("/jobs/f?wait=20")) for _ in range(2)]

        async def both_wait() -> bool:
            return b"waits_in_flight 2.0" in (await gateway.get("/metrics"))[1]

        await eventually_async(both_wait, what="two waits in flight")
        status, problem, headers = await gateway.post("/jobs/f?wait=1", {"job_id": "no"})
        assert (status, problem["retryable"], headers["Retry-After"]) == (429, True, "1")
        assert (await gateway.get("/jobs/no/status"))[0] == 404
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_request_ids_are_passed_on_or_made(gateway: RunningGateway) -> None:
    _, _, headers = await gateway.get("/livez", headers={"X-Request-ID": "mine-1"})
    assert headers["X-Request-ID"] == "mine-1"
    _, problem, headers = await gateway.get("/nowhere", headers={"X-Request-ID": "a b"})
    assert headers["X-Request-ID"] == problem["instance"] != "a b"


async def test_a_slow_reader_of_a_large_result_gets_it_all(gateway: RunningGateway, redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        playing = asyncio.create_task(PlayedWorker(broker).run_one("x" * 4_000_000))
        status, outcome, _ = await gateway.post("/jobs/f?wait=20")
        await playing
    assert (status, len(outcome["result"])) == (200, 4_000_000)


@pytest.mark.usefixtures("_aiohttp")
async def test_a_client_that_never_reads_is_cut(redis_url: str) -> None:
    async with running_gateway(redis_url, write_deadline=0.3) as gateway, Broker(redis_url) as broker:
        await gateway.post("/jobs/f", {"job_id": "large"})
        await PlayedWorker(broker).run_one("x" * 7_000_000)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", gateway.port))
            client.sendall(request(line="GET /jobs/large/result HTTP/1.1"))
            hung_up = select.poll()
            hung_up.register(client, select.POLLHUP | select.POLLERR)
            assert await asyncio.to_thread(hung_up.poll, 30_000), "the connection is still open"


# --- keys


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """Keys by name, in keys.toml of the test's folder."""
    scopes = {
        "sender": ("enqueue:send_*", "read", "abort"),
        "other": ("enqueue:*", "read", "abort"),
        "auditor": ("read:*", "inspect"),
        "prometheus": ("metrics",),
    }
    made = {name: new_key(name, allowed) for name, allowed in scopes.items()}
    (tmp_path / "keys.toml").write_text("\n".join(entry for _, entry in made.values()))
    return {name: key for name, (key, _) in made.items()}


async def test_keys_decide_who_may_do_what(redis_url: str, keys: dict[str, str], tmp_path: Path) -> None:
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway:

        async def ask(name: str, method: str, path: str, document: Any = None) -> tuple[int, Any]:
            bearer = {"Authorization": f"Bearer {keys[name]}"}
            return (await gateway.ask(method, path, json=document, headers=bearer))[:2]

        for method, path in (
            ("POST", "/jobs/f"),
            ("GET", "/jobs/x/status"),
            ("GET", "/metrics"),
            ("GET", "/openapi.json"),
        ):
            status, problem, headers = await gateway.ask(method, path)
            assert (status, problem["code"], headers["WWW-Authenticate"]) == (401, "unauthorized", "Bearer")
        assert (await gateway.get("/livez"))[0] == (await gateway.get("/readyz"))[0] == 200

        assert (await ask("sender", "POST", "/jobs/send_mail", {"job_id": "mine", "args": [1]}))[0] == 202
        assert (await ask("sender", "POST", "/jobs/drop_tables"))[0] == 403
        assert (await ask("auditor", "POST", "/jobs/send_mail"))[0] == 403
        status, job = await ask("sender", "GET", "/jobs/mine/status")
        assert status == 200
        assert "args" not in job
        assert (await ask("auditor", "GET", "/jobs/mine/status"))[1]["args"] == [1]
        assert (await ask("auditor", "POST", "/jobs/mine/abort"))[0] == 403
        assert (await ask("prometheus", "GET", "/metrics"))[0] == 200
        assert (await ask("sender", "GET", "/metrics"))[0] == 403
        assert (await ask("prometheus", "GET", "/jobs/mine/status"))[0] == 403

        unknown = (await ask("other", "GET", "/jobs/nobody/status"))[1]
        for method, path in (
            ("GET", "/status"),
            ("GET", "/result"),
            ("GET", "/result?wait=1"),
            ("POST", "/abort"),
        ):
            status, problem = await ask("other", method, f"/jobs/mine{path}")
            assert (status, problem | {"instance": ""}) == (404, unknown | {"instance": ""})
        status, problem = await ask("other", "POST", "/jobs/f", {"job_id": "mine"})
        assert (status, "job" in problem) == (409, False)
        assert (await ask("sender", "POST", "/jobs/mine/abort")) == (200, {"aborted": True})
        assert (await ask("other", "GET", "/jobs/mine/result"))[0] == 404
        assert (await ask("sender", "GET", "/jobs/mine/result"))[0] == 200


async def test_refusals_are_counted_under_the_route_that_was_asked_for(
    redis_url: str, keys: dict[str, str], tmp_path: Path
) -> None:
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway:
        sender, prometheus = ({"Authorization": f"Bearer {keys[name]}"} for name in ("sender", "prometheus"))
        paths = {"enqueue": "/jobs/f", "status": "/jobs/x/status", "result": "/jobs/x/result"}
        paths |= {"abort": "/jobs/x/abort", "metrics": "/metrics"}
        for route, path in paths.items():
            method = "POST" if route in {"enqueue", "abort"} else "GET"
            assert (await gateway.ask(method, path))[0] == 401
            refused = sender if route == "metrics" else prometheus
            assert (await gateway.ask(method, path, headers=refused))[0] == 403
        assert (await gateway.get("/openapi.json"))[0] == 401
        cross = {**sender, "Sec-Fetch-Site": "cross-site"}
        assert (await gateway.post("/jobs/f", headers=cross))[0] == 403
        text = (await gateway.get("/metrics", headers=prometheus))[1].decode()
    counted = dict(line.rsplit(" ", 1) for line in text.splitlines() if "gateway_requests_total{" in line)
    for route in [*paths, "openapi"]:
        assert counted[f'jobgate_gateway_requests_total{{route="{route}",status="401"}}'] == "1.0"
    for route in paths:
        times = "2.0" if route == "enqueue" else "1.0"
        assert counted[f'jobgate_gateway_requests_total{{route="{route}",status="403"}}'] == times
    assert not [line for line in counted if "unmatched" in line and "40" in line]


async def test_the_metrics_port_needs_no_key(redis_url: str, keys: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    options = {"keys_file": tmp_path / "keys.toml", "metrics_port": port}
    async with running_gateway(redis_url, **options) as gateway:
        url = f"http://127.0.0.1:{port}"
        async with gateway.session.get(f"{url}/metrics") as answer:
            assert (answer.status, answer.content_type) == (200, "text/plain")
        async with gateway.session.post(f"{url}/jobs/f") as answer:
            assert answer.status == 404


async def test_the_metrics_port_answers_by_whatever_name_it_is_called(redis_url: str) -> None:
    """Prometheus may reach it by the name of its pod; the port for jobs takes no such name."""
    port = free_port()
    async with running_gateway(redis_url, metrics_port=port) as gateway:
        asked = request(line="GET /metrics HTTP/1.1", host="gateway.internal:9090")
        assert (await raw(port, asked)).startswith(b"HTTP/1.1 200 ")
        assert (await raw(gateway.port, asked)).startswith(b"HTTP/1.1 421 ")


async def test_a_changed_keys_file_is_read_again(
    redis_url: str, keys: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "keys.toml"
    async with running_gateway(redis_url, keys_file=path) as gateway:
        key, entry = new_key("late", ("enqueue:*",))
        path.write_text(f"{path.read_text()}\n{entry}")

        async def admitted() -> bool:
            return (await gateway.post("/jobs/f", headers={"Authorization": f"Bearer {key}"}))[0] == 202

        await eventually_async(admitted, what="the new key is known")


async def test_revocations_have_effect_after_a_keys_file_that_cannot_be_used(
    redis_url: str,
    keys: dict[str, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "keys.toml"
    entries = path.read_text()
    bearer = {"Authorization": f"Bearer {keys['other']}"}
    async with running_gateway(redis_url, keys_file=path) as gateway:

        async def revoked() -> bool:
            return (await gateway.post("/jobs/f", headers=bearer))[0] == 401

        async def told(times: int) -> None:
            async def is_told() -> bool:
                return caplog.text.count("previous keys stay") == times

            await eventually_async(is_told, what=f"line {times} on a keys file")

        path.write_text("key = [1]")
        await told(1)
        assert not await revoked()
        # Whatever else goes wrong: said once, and looked at again.
        with monkeypatch.context() as broken:
            broken.setattr(keys_file, "read_keys", lambda *_: 1 // 0)
            path.write_text(f"{entries}\n")
            await told(2)
        path.write_text("# nobody\n")
        await eventually_async(revoked, what="the key is refused")
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_no_secret_is_told(
    redis_url: str, keys: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml", access_log=True) as gateway:
        for key in (keys["sender"], "not-a-key-canary"):
            await gateway.post("/jobs/send_x", {"args": [1]}, headers={"Authorization": f"Bearer {key}"})
            await gateway.get("/jobs/%0a/status", headers={"Authorization": f"Bearer {key}"})
    access = [record.getMessage() for record in caplog.records if record.name == "jobgate.gateway.access"]
    assert len(access) >= 4
    assert all(json.loads(line)["request_id"] for line in access)
    assert keys["sender"] not in caplog.text
    assert "canary" not in caplog.text
