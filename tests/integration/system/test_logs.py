"""What of callers, producers and functions reaches a log, in real processes and under any formatter."""

import asyncio
import json
import logging
import re
from pathlib import Path

import pytest

from harness.processes.commands import Processes
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker, JobRequest
from jobgate.gateway import new_key

FUNCTIONS = r"""
import asyncio
from jobgate.worker import func

EVIL = "\r\n2026-01-01 00:00:00,000 ERROR jobgate.worker: forged\x1b[2J\x00\x9b\u202e\u2028" + "x" * 100_000

class Evil(Exception):
    extra = {"note": EVIL}

def fail(ctx, secret):
    raise Evil(EVIL) from ValueError(EVIL)

async def fail_in_loop(ctx, secret, *, word):
    fail(ctx, secret)

def fail_in_process(ctx, secret):
    fail(ctx, secret)

async def try_again(ctx, secret):
    fail(ctx, secret)

class Settings:
    functions = [
        fail,
        fail_in_loop,
        func(fail_in_process, executor="process"),
        func(try_again, retry_on=Exception, max_tries=2, backoff=0.001),
    ]
    burst = True
"""
#: How a line of the worker's text log may begin: by its time, or as a line of a traceback.
ENTRY = re.compile(
    r"20\d\d-\d\d-\d\d [\d:,]+ [A-Z]+ jobgate|Traceback|  |$|The above|During|[\w.]+(Error|Evil|Traceback)?:"
)
USERS_OWN = """
version = 1
[formatters.f]
format = "20%(asctime)s %(levelname)s %(name)s %(message)s"
datefmt = "%y-%m-%d %H:%M:%S,000"
[handlers.h]
class = "logging.StreamHandler"
formatter = "f"
[loggers.jobgate]
level = "INFO"
handlers = ["h"]
"""


IN_LOOP = ("fail_in_loop", "try_again")
ALL = ("fail", *IN_LOOP, "fail_in_process")


async def run_evil_jobs(
    processes: Processes, redis_url: str, folder: Path, functions: tuple[str, ...], *words: str
) -> str:
    """Run a job of each function in a worker of its own, and return the worker's log."""
    (folder / "evil.py").write_text(FUNCTIONS)
    (folder / "log.toml").write_text(USERS_OWN)
    async with Broker(redis_url) as broker:
        for name in functions:
            kwargs = {"word": "argument-canary"} if name == "fail_in_loop" else {}
            await broker.enqueue(
                JobRequest(job_id=name, function=name, args=["argument-canary"], kwargs=kwargs)
            )
    worker = processes.start("worker", "evil.Settings", "--redis", redis_url, *words, cwd=folder)
    assert await asyncio.to_thread(worker.wait) == 0
    return worker.log_file.read_bytes().decode()


@pytest.mark.parametrize(
    ("functions", "words"),
    [(ALL, ["--no-log-arguments"]), (IN_LOOP, ["--log-config", "log.toml"])],
    ids=["text", "a user's own formatter"],
)
async def test_nothing_in_an_exception_forges_a_line_of_text(
    processes: Processes, redis_url: str, tmp_path: Path, functions: tuple[str, ...], words: list[str]
) -> None:
    log = await run_evil_jobs(processes, redis_url, tmp_path, functions, *words)
    lines = log.removesuffix("\n").split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert [line for line in lines if ENTRY.match(line) is None] == []
    assert max(map(len, lines)) < 5_000
    assert not re.search(r"^2026-01-01 .* forged", log, re.MULTILINE)
    assert len(re.findall(r"^\d.* ! \S+ failed, Evil: ", log, re.MULTILINE)) == len(functions)
    for name in functions:
        assert re.search(rf"evil\.py\", line \d+, in {name}$", log, re.MULTILINE)
    if "--no-log-arguments" in words:
        assert "→ fail_in_loop:fail_in_loop(…)" in log
        assert "canary" not in log


async def test_a_log_of_json_is_as_harmless(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    log = await run_evil_jobs(processes, redis_url, tmp_path, IN_LOOP, "--log-format", "json")
    lines = log.removesuffix("\n").split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    failures = [one for one in map(json.loads, lines) if "exception" in one]
    assert len(failures) == len(IN_LOOP)
    for one in failures:
        assert all(line.isprintable() for line in one["exception"].split("\n"))
    assert max(map(len, lines)) <= 65_536


@pytest.mark.parametrize(
    "path",
    [
        "/readyz?key={}",
        "/readyz?{}",
        "/readyz?wait=1&token={}&x",
        "/jobs?queue={}",
        "/jobs?Authorization=Bearer%20{}",
        "/jobs/send?api%5Fkey={}",
        "/jobs/{}/status",
        "/{}",
        "/jobs?key%3D{}",
        "/readyz?password=secret-canary",
        "/readyz?secret-canary-without-a-name",
        "http://user:secret-canary@localhost/readyz",
    ],
)
async def test_a_secret_in_a_target_is_not_logged(
    redis_url: str, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    key, _ = new_key("canary", ("read",))
    async with running_gateway(redis_url, access_log=True) as gateway:
        for form in (key, key.replace("_", "%5F", 1)):
            target = path.format(form)
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert (await reader.read()).startswith(b"HTTP/1.1 ")
            writer.close()
    shown = [json.loads(one.getMessage()) for one in caplog.records if one.name == "jobgate.gateway.access"]
    assert len([one for one in shown if one["route"] != "livez"]) == 2
    assert key.removeprefix("jg_") not in caplog.text
    assert "secret-canary" not in caplog.text


async def test_parameters_of_the_api_are_logged(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with running_gateway(redis_url, access_log=True) as gateway:
        await gateway.get("/jobs?queue=mail&status=queued&limit=5&key=x")
    assert '"/jobs?queue=mail&status=queued&limit=5&key=***"' in caplog.text


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
async def test_probes_of_a_gateway_without_redis_write_a_line_a_change(
    valkey_server: RedisServer, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.INFO)
    valkey_server.reset()
    async with running_gateway(valkey_server.url) as gateway:

        async def is_up() -> bool:
            return bool((await gateway.get("/readyz"))[0] == 200)

        await gateway.get(path)
        valkey_server.kill()
        await asyncio.gather(*(gateway.get(path) for _ in range(5)))
        valkey_server.start()
        await eventually_async(is_up, what="Redis is back")
        await asyncio.gather(*(gateway.get(path) for _ in range(5)))
    lines = [one.getMessage() for one in caplog.records if one.name == "jobgate.gateway.health"]
    told = [line for line in lines if ("gauges" in line) == (path == "/metrics")]
    assert len(told) == 2, lines
    assert re.search("again$", told[1])
