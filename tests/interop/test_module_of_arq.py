"""A module that imports the real arq runs under `jobgate worker` unchanged, and its callers see the same."""

import ast
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from harness.arq.stock import INTEROP, arq_packages, arq_worker
from harness.arq.versions import arq_program
from harness.processes.commands import REPOSITORY, Process, Processes
from harness.servers.redis_server import RedisServer

ROOMS = ("arq_api", "broker", "cli", "client", "gateway", "testing", "worker")
#: Where jobgate does not do as arq: what callers of arq see, and those of jobgate.
ONE_TRY = [f"{what}:1" for what in ("start", "run", "end", "after")]
THREE_TRIES = [f"{what}:{number}" for number in (1, 2, 3) for what in ("start", "run", "end", "after")]
DIFFERENCES: dict[str, tuple[Any, Any]] = {
    # An error says why.
    "a timeout": (
        [["TimeoutError", ""], 1, ONE_TRY],
        [["TimeoutError", "the job ran longer than its timeout of 0.3 s"], 1, ONE_TRY],
    ),
    "aborted": (
        [True, ["CancelledError", ""], 1, ONE_TRY],
        [True, ["CancelledError", "the job was aborted"], 1, ONE_TRY],
    ),
    # arq starts a job once more to say that it may not be started once more.
    "a try too much": (
        [["JobExecutionFailed", "max 3 retries exceeded"], 4, THREE_TRIES],
        [["JobExecutionFailed", "max 3 retries exceeded"], 3, THREE_TRIES],
    ),
}


def jobgate_worker(processes: Processes, url: str, settings: str, *options: str) -> Process:
    environment = {"PYTHONPATH": f"{INTEROP}{os.pathsep}{arq_packages()}", "REDIS_URL": url}
    words = ("worker", f"module_of_arq.{settings}", *options)
    return processes.start(*words, cwd=INTEROP, env=environment)


def ask_callers(url: str, settings: str) -> Any:
    """Let stock arq's client enqueue the jobs and tell what became of them."""
    words = [arq_program(), str(INTEROP / "callers_of_arq.py")]
    environment = {**os.environ, "REDIS_URL": url}
    done = subprocess.run(
        words, input=json.dumps(settings), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def seen_with(worker: Process, server: RedisServer, settings: str) -> Any:
    worker.wait_for_log("Starting worker")
    found = ask_callers(server.url, settings)
    assert worker.terminate() == 0, worker.log
    with server.client() as client:
        found["the worker's hooks"] = [note.decode() for note in client.lrange("history:worker", 0, -1)]
    server.reset()
    return found


@pytest.mark.parametrize("settings", ["WorkerSettings", "own_codec", "own_pool"])
def test_callers_see_the_same(processes: Processes, valkey_server: RedisServer, settings: str) -> None:
    valkey_server.reset()
    url = valkey_server.url
    theirs = seen_with(arq_worker(processes, url, f"module_of_arq.{settings}"), valkey_server, settings)
    options = ("--serializer", "pickle") if settings != "own_codec" else ()
    ours = seen_with(jobgate_worker(processes, url, settings, *options), valkey_server, settings)
    assert theirs.keys() == ours.keys()
    found = {name: (theirs[name], ours[name]) for name in theirs if theirs[name] != ours[name]}
    assert found == {name: told for name, told in DIFFERENCES.items() if name in theirs}


ALL_OF_JOBGATE = """
import asyncio, importlib, sys
from pathlib import Path

for room in ("arq", "broker", "cli", "client", "gateway", "worker"):
    package = importlib.import_module(f"jobgate.{room}")
    for path in Path(package.__file__).parent.glob("*.py"):
        if path.stem != "__main__":
            importlib.import_module(f"jobgate.{room}.{path.stem}")

from jobgate.arq import create_pool
from jobgate.worker import Retry, Worker

async def add(ctx, a):
    return a + 1

async def again(ctx):
    if ctx["job_try"] == 1:
        raise Retry(0)
    return ctx["job_try"]

async def main(url):
    async with await create_pool(url, serializer="pickle") as pool:
        good, bad, tried = [await pool.enqueue_job(*call) for call in (("add", 1), ("nowhere",), ("again",))]
        await Worker([add, again], redis_settings=url, burst=True, serializer="pickle").async_run()
        print(await good.result(), await tried.result(), await bad.status())

asyncio.run(main(sys.argv[1]))
import importlib.util
print(sorted(name for name in sys.modules if name.partition(".")[0] == "arq"))
print(importlib.util.find_spec("arq") is not None)
"""


def test_jobgate_itself_never_imports_arq(redis_url: str) -> None:
    """Not even where arq is installed. Only a user's module does, or a pickle that names a class of arq's."""
    environment = {**os.environ, "PYTHONPATH": arq_packages()}
    words = [sys.executable, "-c", ALL_OF_JOBGATE, redis_url]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["2 2 complete", "[]", "True"]


def test_no_source_of_jobgate_names_arq_to_import_it() -> None:
    sources = [path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py")]
    assert len(sources) > 100
    assert [path.name for path in sources if imports_arq(ast.parse(path.read_text()))] == []


@pytest.mark.parametrize(
    "text", ["import arq.jobs", "from arq import cron", "import_module('arq.worker')", "__import__('arq')"]
)
def test_an_import_of_arq_is_seen(text: str) -> None:
    assert imports_arq(ast.parse(text))


def imports_arq(module: ast.Module) -> bool:
    """Whether it imports arq, or calls anything that imports with arq's name."""
    return any(name.partition(".")[0] == "arq" for node in ast.walk(module) for name in imported_by(node))


def imported_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    if isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
        return [
            each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
    return []
