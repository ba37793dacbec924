"""All that a caller can do, once each, over HTTP against the whole system; then its metrics are compared."""

import hashlib
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from harness.processes.commands import REPOSITORY, Processes
from harness.systems.system import System, whole_system

README = REPOSITORY / "README.md"
IN_TIME = {"Prefer": "wait=20"}


class Caller:
    """Sends requests and notes each answer in the system's ledger."""

    def __init__(self, system: System, session: aiohttp.ClientSession) -> None:
        self.system = system
        self.done = system.done
        self._session = session
        self.headers: Any = {}

    async def ask(self, route: str, status: int, method: str, path: str, **options: Any) -> Any:
        """Send a request, whose answer is to have this status; return its JSON."""
        async with self._session.request(method, self.system.url + path, **options) as answer:
            document = await answer.json(content_type=None)
            assert answer.status == status, document
            self.headers = answer.headers
            kind = "application/json" if status < 400 else "application/problem+json"
            assert answer.content_type == kind
        self.done.answered(route, status)
        return document

    async def enqueue(self, function: str, *args: Any, **options: Any) -> Any:
        """Enqueue a job without waiting; return it as the gateway shows it."""
        return await self.ask("enqueue", 202, "POST", f"/jobs/{function}", json={"args": args, **options})

    async def call(self, function: str, *args: Any, **options: Any) -> Any:
        """Enqueue and wait; return the outcome."""
        document = {"args": args, **options}
        outcome = await self.ask("enqueue", 200, "POST", f"/jobs/{function}", json=document, headers=IN_TIME)
        assert self.headers["Preference-Applied"] == "wait=20"
        return outcome

    async def status(self, job_id: str) -> Any:
        return await self.ask("status", 200, "GET", f"/jobs/{job_id}/status")

    async def result(self, job_id: str) -> Any:
        """Long-poll until the outcome is there."""
        return await self.ask("result", 200, "GET", f"/jobs/{job_id}/result?wait=20")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One system for these tests; when they are over it stops, and what is left of it is looked at."""
    folder = tmp_path_factory.mktemp("system")
    processes = Processes(folder)
    try:
        with whole_system(processes, folder / "data") as running:
            yield running
    finally:
        processes.end_all()


@pytest.fixture
async def caller(system: System) -> AsyncIterator[Caller]:
    """A caller that keeps books, which are compared with the metrics at the end of the test."""
    system.begin()
    async with aiohttp.ClientSession() as session:
        yield Caller(system, session)
    system.check_metrics()


async def test_calls(caller: Caller, tmp_path: Path) -> None:
    """Functions that do real work, called with `Prefer: wait`."""
    words = len(README.read_text().split())
    outcome = await caller.call("count_words", str(README))
    job_id = outcome.pop("job_id")
    expected = {"function": "count_words", "status": "complete", "success": True, "result": words}
    assert outcome == expected
    assert await caller.result(job_id) == {"job_id": job_id, **expected}
    caller.done.job("count_words", "success")

    outcome = await caller.ask("enqueue", 200, "POST", "/jobs/noop?wait=20")
    assert outcome["result"] is None
    caller.done.job("noop", "success")

    fetched = await caller.call("fetch", f"{caller.system.url}/livez")
    assert fetched["result"]["status"] == 200
    caller.done.job("fetch", "success")
    caller.done.answered("livez", 200)

    hashed = await caller.call("hash_file", str(README), kwargs={"algorithm": "md5"})
    assert hashed["result"] == hashlib.md5(README.read_bytes()).hexdigest()
    caller.done.job("hash_file", "success")

    await thumbnail(caller, tmp_path / "picture.png")

    readiness = await caller.ask("readyz", 200, "GET", "/readyz")
    assert readiness == {"status": "ready", "durability": "aof"}
    document = await caller.ask("openapi", 200, "GET", "/openapi.json")
    assert "/jobs/{function}" in document["paths"]


async def thumbnail(caller: Caller, picture: Path) -> None:
    from PIL import Image

    Image.new("RGB", (400, 300)).save(picture)
    made = (await caller.call("thumbnail", str(picture), 40))["result"]
    with Image.open(made["path"]) as copy:
        assert copy.size == (40, 30) == (made["width"], made["height"])
    caller.done.job("thumbnail", "success")


async def test_long_polls(caller: Caller) -> None:
    """A job is enqueued, looked at, waited for in vain, and waited for until it ends."""
    job = await caller.enqueue("slow_report", 4)
    job_id = job["job_id"]
    assert caller.headers["Location"] == f"/jobs/{job_id}/status"
    assert (job["status"], job["success"], job["try"]) == ("queued", None, 0)
    page = await caller.ask("jobs", 200, "GET", "/jobs?function=slow_report&limit=1000")
    assert job_id in [one["job_id"] for one in page["jobs"]]
    early = await caller.ask("result", 202, "GET", f"/jobs/{job_id}/result")
    assert early["status"] in {"queued", "in_progress"}
    assert caller.headers["Retry-After"] == "0"
    await in_progress(caller, job_id)
    early = await caller.ask("result", 202, "GET", f"/jobs/{job_id}/result?wait=0.3")
    assert (early["status"], early["try"]) == ("in_progress", 1)
    outcome = await caller.result(job_id)
    assert outcome["result"]["lines"] == 40
    ended = await caller.status(job_id)
    assert (ended["status"], ended["success"]) == ("complete", True)
    assert ended["worker"] == early["worker"]
    caller.done.job("slow_report", "success")

    job = await caller.ask("enqueue", 202, "POST", "/jobs/slow_report?wait=1", json={"args": [2.5]})
    # It is shown as it is after the wait, not as it was before.
    assert (job["status"], job["try"]) == ("in_progress", 1)
    outcome = await caller.result(job["job_id"])
    assert outcome["success"]
    caller.done.job("slow_report", "success")

    outcome = await caller.call("count_words", str(README), keep_result=0)
    assert (outcome["success"], outcome["result"]) == (True, len(README.read_text().split()))
    await caller.ask("result", 404, "GET", f"/jobs/{outcome['job_id']}/result")
    caller.done.job("count_words", "success")


async def in_progress(caller: Caller, job_id: str) -> None:
    """Wait for the start of a job, by its ETag."""
    while (await caller.status(job_id))["status"] != "in_progress":
        headers = {"If-None-Match": caller.headers["ETag"]}
        await caller.ask("status", 200, "GET", f"/jobs/{job_id}/status?wait=20", headers=headers)


async def test_aborts(caller: Caller) -> None:
    """A running and a deferred job are stopped, also when asked twice; ended and unknown ones are not."""
    running = (await caller.enqueue("slow_report", 600))["job_id"]
    await in_progress(caller, running)
    aborted = await caller.ask("abort", 200, "POST", f"/jobs/{running}/abort?wait=20")
    assert aborted == {"aborted": True}
    outcome = await caller.result(running)
    assert (outcome["success"], outcome["error"]["code"]) == (False, "aborted")
    caller.done.job("slow_report", "aborted")

    deferred = (await caller.enqueue("slow_report", 600, defer_by=600))["job_id"]
    assert (await caller.status(deferred))["status"] == "deferred"
    await caller.ask("abort", 200, "POST", f"/jobs/{deferred}/abort")
    assert (await caller.result(deferred))["error"]["code"] == "aborted"
    # No worker has seen it.
    caller.done.job("slow_report")

    for aborted_before in (running, deferred):
        assert await caller.ask("abort", 200, "POST", f"/jobs/{aborted_before}/abort") == {"aborted": True}
    ended = (await caller.call("noop"))["job_id"]
    caller.done.job("noop", "success")
    problem = await caller.ask("abort", 409, "POST", f"/jobs/{ended}/abort")
    assert problem["code"] == "already-finished"
    problem = await caller.ask("abort", 404, "POST", "/jobs/never-was/abort")
    assert problem["code"] == "job-not-found"


async def test_deferral_and_retries(caller: Caller) -> None:
    """Jobs that begin later: at first, or again."""
    job = await caller.enqueue("count_words", str(README), defer_by=1)
    assert job["status"] == "deferred"
    assert (await caller.result(job["job_id"]))["success"]
    ended = await caller.status(job["job_id"])
    late = datetime.fromisoformat(ended["start_time"]) - datetime.fromisoformat(job["due_time"])
    assert 0 <= late.total_seconds() < 20
    caller.done.job("count_words", "success")

    job_id = (await caller.call("flaky", 3, job_id="third-time"))["job_id"]
    assert (await caller.result(job_id))["result"] == 3
    assert (await caller.status(job_id))["try"] == 3
    caller.done.job("flaky", "retried", "retried", "success")


async def test_failures(caller: Caller) -> None:
    """Jobs that fail are answered 200: the request has not failed."""
    for function, argument, options, code, outcomes in (
        ("count_words", "no such file", {}, "error", ["error"]),
        ("slow_report", 600, {"timeout": 0.2}, "timeout", ["timeout"]),
        ("flaky", 3, {"max_tries": 2}, "max-tries", ["retried", "max-tries"]),
    ):
        outcome = await caller.call(function, argument, **options)
        assert (outcome["success"], outcome["error"]["code"]) == (False, code)
        caller.done.job(function, *outcomes)


async def test_wrong_arguments(caller: Caller) -> None:
    """They are refused with all errors, and nothing is enqueued."""
    wrong = {"args": [5, 6], "kwargs": {"pat": "x"}}
    problem = await caller.ask("enqueue", 422, "POST", "/jobs/count_words", json=wrong)
    assert problem["code"] == "invalid-arguments"
    assert [error["pointer"] for error in problem["errors"]] == ["#/args/1", "#/kwargs/pat", "#/args/0"]
    problem = await caller.ask("enqueue", 422, "POST", "/jobs/count_words", json={"args": [5]})
    assert problem["errors"] == [{"pointer": "#/args/0", "detail": "It must be a string."}]


async def test_same_job_again(caller: Caller) -> None:
    """An idempotency key brings the same job, an id that is in use is refused."""
    key = {"Idempotency-Key": "once"}
    first = await caller.ask("enqueue", 202, "POST", "/jobs/noop", headers=key)
    again = await caller.ask("enqueue", 200, "POST", "/jobs/noop", headers={**key, **IN_TIME})
    assert caller.headers["Idempotent-Replayed"] == "true"
    assert again["job_id"] == first["job_id"]
    problem = await caller.ask("enqueue", 422, "POST", "/jobs/flaky", json={"args": [1]}, headers=key)
    assert problem["code"] == "idempotency-key-reused"
    # As after `outcome-unknown`: the same request with the id that it was given.
    again = await caller.ask("enqueue", 202, "POST", "/jobs/noop", json={"job_id": first["job_id"]})
    assert (again["job_id"], caller.headers["Idempotent-Replayed"]) == (first["job_id"], "true")
    other = {"args": [1], "job_id": first["job_id"]}
    problem = await caller.ask("enqueue", 409, "POST", "/jobs/flaky", json=other)
    assert problem["job"]["job_id"] == first["job_id"]
    caller.done.job("noop", "success")


def sent(body: bytes) -> dict[str, Any]:
    """Options of a request that sends these bytes as JSON."""
    return {"data": body, "headers": {"Content-Type": "application/json"}}


#: The route in the metrics, the status and the code of the answer, and the request.
GARBAGE: list[tuple[str, int, str, str, str, dict[str, Any]]] = [
    ("enqueue", 400, "malformed-json", "POST", "/jobs/noop", sent(b'{"args":')),
    ("enqueue", 400, "malformed-json", "POST", "/jobs/noop", sent(b"\xff\xfe\x00")),
    ("enqueue", 422, "invalid-json", "POST", "/jobs/noop", sent(b"[" * 1000 + b"]" * 1000)),
    ("enqueue", 422, "invalid-json", "POST", "/jobs/noop", sent(b'{"args":[18446744073709551616]}')),
    ("enqueue", 422, "invalid-json", "POST", "/jobs/noop", sent(b'{"args":[],"args":[1]}')),
    ("enqueue", 422, "invalid-request", "POST", "/jobs/noop", {"json": ["README.md"]}),
    ("enqueue", 422, "invalid-request", "POST", "/jobs/noop", {"json": {"arg": []}}),
    ("enqueue", 422, "invalid-request", "POST", "/jobs/noop", {"json": {"defer_by": -1}}),
    ("enqueue", 422, "invalid-request", "POST", "/jobs/noop", {"json": {"job_id": "a b"}}),
    ("enqueue", 422, "invalid-request", "POST", "/jobs/noop", {"json": {"queue": "arq:job:x"}}),
    ("enqueue", 422, "invalid-request", "POST", "/jobs/noop?wait=soon", {}),
    ("enqueue", 422, "invalid-request", "POST", "/jobs/0day", {}),
    ("enqueue", 404, "unknown-function", "POST", "/jobs/no_such_function", {}),
    ("enqueue", 415, "unsupported-media-type", "POST", "/jobs/noop", {"data": b"{}"}),
    ("enqueue", 403, "cross-site", "POST", "/jobs/noop", {"headers": {"Origin": "https://evil.example"}}),
    ("status", 404, "job-not-found", "GET", "/jobs/a%20b/status", {}),
    ("status", 422, "invalid-request", "GET", "/jobs/a/status?wait=soon", {}),
    ("result", 404, "job-not-found", "GET", "/jobs/never-was/result", {}),
    ("unmatched", 404, "not-found", "GET", "/jobs/a/b/c", {}),
    ("unmatched", 405, "method-not-allowed", "DELETE", "/jobs/noop", {}),
    ("unmatched", 421, "misdirected", "GET", "/livez", {"headers": {"Host": "evil.example"}}),
]
#: Requests that a library would not send, with the status of the answer.
NO_HTTP = [
    (b"GARBAGE\r\n\r\n", 400),
    (b"POST /jobs/noop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    (b"POST /jobs/noop HTTP/1.1\r\nHost: localhost\r\nBad Name: 1\r\n\r\n", 400),
]


async def test_garbage(caller: Caller) -> None:
    """Each is refused as problem+json, in the metrics too, and makes no job."""
    for route, status, code, method, path, options in GARBAGE:
        problem = await caller.ask(route, status, method, path, **options)
        assert (problem["code"], problem["status"]) == (code, status)
    for request, status in NO_HTTP:
        answer = raw(caller.system.url, request)
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer
        assert b"application/problem+json" in answer
        caller.done.answered("unmatched", status)
        caller.done.malformed += 1
    declared = b"POST /jobs/noop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n"
    assert raw(caller.system.url, declared).startswith(b"HTTP/1.1 413 ")
    caller.done.answered("enqueue", 413)
    logged = caller.system.gateway.log.count("malformed request")
    assert 1 <= logged <= len(NO_HTTP)


def raw(url: str, request: bytes) -> bytes:
    """Send bytes and return all that comes until the gateway closes the connection."""
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer
