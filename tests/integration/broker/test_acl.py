"""The rights in docs/redis-layout.md are enough for a gateway and a worker."""

import contextlib
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import redis

from harness.processes.commands import Processes
from harness.servers.redis_server import RedisServer
from harness.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
LAYOUT = (ROOT / "docs" / "redis-layout.md").read_text()
RULE = re.findall(r"^user jobgate on >secret (.+)$", LAYOUT, re.MULTILINE)
JOBS = """
import asyncio
from jobgate.worker import Retry

async def add(ctx, a, b):
    return a + b

async def again(ctx):
    if ctx["job_try"] == 1:
        raise Retry(defer=0.1)

async def sleep(ctx, seconds):
    await asyncio.sleep(seconds)

class WorkerSettings:
    functions = [add, again, sleep]
    allow_abort_jobs = True
"""


@pytest.fixture
def limited(server: RedisServer) -> redis.Redis:
    """A client of an administrator, on a server with the user `jobgate`."""
    (rule,) = RULE
    client = server.client()
    ask(client, "ACL", "SETUSER", "jobgate", "reset", "on", ">secret", *rule.split())
    with contextlib.suppress(redis.ResponseError):  # Redis 7.0 does not know it
        ask(client, "ACL", "SETUSER", "jobgate", "+client|setinfo")
    ask(client, "ACL", "LOG", "RESET")
    return client


def ask(client: redis.Redis, *words: str) -> object:
    answer: object = client.execute_command(*words)  # type: ignore[no-untyped-call]
    return answer


def post(url: str, body: object, prefer: str = "wait=30") -> dict[str, object]:
    content = json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"prefer": prefer, "content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        document: dict[str, object] = json.load(answer)
        return document


def in_list(url: str, name: str) -> list[object]:
    """Return what `/queues` or `/workers` lists."""
    with urllib.request.urlopen(f"{url}/{name}", timeout=60) as answer:
        document: dict[str, list[object]] = json.load(answer)
        return document[name]


def unchanged(url: str) -> bool:
    """Whether a job's status, asked for twice, is answered with 304 the second time."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        tag = answer.headers["ETag"]
    try:
        urllib.request.urlopen(urllib.request.Request(url, headers={"If-None-Match": tag}), timeout=60)
    except urllib.error.HTTPError as error:
        return error.code == 304
    return False


def test_the_rights_name_every_command_of_the_scripts() -> None:
    """A right that is missing leaves a script half done, or breaks what only few requests use."""
    scripts = "".join(path.read_text() for path in (ROOT / "broker" / "scripts").rglob("*.lua"))
    used = {name.lower() for name in re.findall(r"\b(?:p?call|read)\('([A-Z]+)'", scripts)}
    for_listing = {"zscan"}
    assert used - for_listing <= set(re.findall(r"\+([a-z]+)(?= |$)", RULE[0]))


def test_documented_rights_are_enough(
    server: RedisServer, limited: redis.Redis, processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "my_jobs.py").write_text(JOBS)
    url = server.url.replace("redis://", "redis://jobgate:secret@")
    with limited:
        gateway = processes.gateway(url)
        worker = processes.worker("my_jobs.WorkerSettings", url, cwd=tmp_path)
        assert post(f"{gateway.url}/jobs/add", {"args": [1, 2]})["result"] == 3
        assert post(f"{gateway.url}/jobs/again", {})["success"] is True

        post(f"{gateway.url}/jobs/sleep", {"args": [60], "job_id": "long"}, prefer="")
        eventually(lambda: limited.exists("arq:in-progress:long"), what="the start of the job")
        assert post(f"{gateway.url}/jobs/long/abort?wait=30", {}, prefer="")["aborted"] is True

        post(f"{gateway.url}/jobs/add", {"args": [1, 2], "job_id": "later", "defer_by": 600}, prefer="")
        assert unchanged(f"{gateway.url}/jobs/later/status?wait=0.1")
        eventually(lambda: in_list(gateway.url, "workers"), what="the worker")
        assert post(f"{gateway.url}/queues/arq:queue/pause", {}, prefer="")["paused"] is True
        assert post(f"{gateway.url}/queues/arq:queue/resume", {}, prefer="")["paused"] is False
        assert in_list(gateway.url, "queues")
        with urllib.request.urlopen(f"{gateway.url}/readyz", timeout=30) as answer:
            assert b"aof" in answer.read()
        with urllib.request.urlopen(f"{gateway.url}/metrics", timeout=30) as answer:
            assert b"jobgate_gateway_queue_depth" in answer.read()
        assert worker.terminate() == 0
        assert gateway.terminate() == 0
        refused = ask(limited, "ACL", "LOG")
    assert refused == []
    assert "NOPERM" not in gateway.log + worker.log
    assert "redis_version=" in worker.log


def test_a_worker_that_may_not_ask_about_redis_says_nothing_of_it(
    server: RedisServer, limited: redis.Redis, processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "my_jobs.py").write_text(JOBS)
    with limited:
        ask(limited, "ACL", "SETUSER", "jobgate", "-info", "-dbsize")
    url = server.url.replace("redis://", "redis://jobgate:secret@")
    worker = processes.start("worker", "my_jobs.WorkerSettings", "--redis", url, "--burst", cwd=tmp_path)
    assert worker.wait() == 0
    assert "redis_version=" not in worker.log
    assert "NOPERM" not in worker.log
