"""Clients that others' generators make of a running gateway's /openapi.json.

For each: what a caller would write compiles, runs, and has results of the right type. Wrong calls are refused
by the compiler, where they are wrong.
"""

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.hints.generators import BRIEFLY, installed
from harness.processes.commands import REPOSITORY, Processes
from harness.servers.redis_server import RedisServer
from harness.tools import require_tool, valkey_binary
from harness.waiting import eventually

pytestmark = pytest.mark.early

HERE = Path(__file__).parent / "generators"
BIN = Path(sys.executable).parent
WORDS = len((REPOSITORY / "README.md").read_text().split())

#: A program on the client of openapi-python-client.
RIGHT = """
import sys
from datetime import UTC, datetime
from typing import assert_type
from uuid import UUID

from made.api.functions import count_words, place_order
from made.api.jobs import enqueue, result
from made.client import Client
from made.models import (
    Card, CountWordsBody, CountWordsBodyKwargs, CountWordsSucceeded, Delivery, Failed, JobRequest,
    JobRequestKwargs, LineInput, OrderInput, PlaceOrderBody, PlaceOrderBodyKwargs, PlaceOrderSucceeded,
    Succeeded,
)


def any_function(client: Client, path: str) -> str:
    kwargs = JobRequestKwargs()
    kwargs["path"] = path
    enqueue.sync("count_words", client=client, body=JobRequest(kwargs=kwargs, job_id="generated-2"))
    outcome = result.sync("generated-2", client=client, wait=20)
    assert isinstance(outcome, Succeeded | Failed)
    if outcome.success:
        assert_type(outcome, Succeeded)
        return str(outcome.result)
    assert_type(outcome, Failed)
    return f"{outcome.error.code.value}: {outcome.error.message}"


def count(client: Client, path: str) -> int | str:
    body = CountWordsBody(kwargs=CountWordsBodyKwargs(path=path))
    outcome = count_words.sync(client=client, body=body, wait=20)
    assert isinstance(outcome, CountWordsSucceeded | Failed)
    if outcome.success:
        assert_type(outcome.result, int)
        return outcome.result
    return f"{outcome.error.type_}: {outcome.error.code.value}"


def order(client: Client) -> str:
    wanted = OrderInput(
        id=UUID(int=1), lines=[LineInput(sku="a", price="1.50", count=2)], placed=datetime.now(UTC)
    )
    kwargs = PlaceOrderBodyKwargs(
        order=wanted, payment=Card(kind="card", number="4111"), delivery=Delivery.COURIER
    )
    outcome = place_order.sync(client=client, body=PlaceOrderBody(kwargs=kwargs), wait=20)
    assert isinstance(outcome, PlaceOrderSucceeded), outcome
    assert_type(outcome.result.order.placed, datetime)
    return f"{outcome.result.total} by {outcome.result.delivery.value}"


with Client(sys.argv[1]) as client:
    print(any_function(client, sys.argv[2]))
    print(count(client, sys.argv[2]))
    print(count(client, "no such file"))
    print(order(client))
"""
#: mypy refuses each line that has a comment.
WRONG = """
from made.api.functions import count_words
from made.client import Client
from made.models import Card, CountWordsBody, CountWordsBodyKwargs, InvoiceInput, LineInput

client = Client("http://127.0.0.1")
CountWordsBodyKwargs()  # call-arg
CountWordsBodyKwargs(path=7)  # arg-type
CountWordsBodyKwargs(path="a", lang="de")  # call-arg
CountWordsBody(kwargs={"path": "a"})  # arg-type
count_words.sync(client=client)  # call-arg
Card(kind="cash", number="1")  # arg-type
InvoiceInput(kind="invoice", days="30")  # arg-type
LineInput(sku="a")  # call-arg
"""


@dataclass(frozen=True)
class Live:
    """A running gateway, before a worker with the examples' functions."""

    url: str
    #: The file with its /openapi.json.
    document: Path


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    server = RedisServer(valkey_binary(), folder / "server").start()
    processes = Processes(folder)
    try:
        processes.worker("interop.typed_functions.WorkerSettings", server.url, env={"PYTHONPATH": "tests"})
        gateway = processes.gateway(server.url)

        def document() -> bytes | None:
            with urllib.request.urlopen(f"{gateway.url}/openapi.json") as answer:
                text: bytes = answer.read()
            return text if b"/jobs/count_words" in text else None

        written = eventually(document, what="the operation of a function")
        assert written is not None
        (folder / "openapi.json").write_bytes(written)
        yield Live(gateway.url, folder / "openapi.json")
    finally:
        processes.end_all()
        server.kill()


def run(*words: str | Path, cwd: Path, code: int = 0) -> str:
    """Run a program, return what it prints; fail unless it exits with `code` and has warned of nothing."""
    path = f"{BIN}:{os.environ.get('PATH', '')}"
    done = subprocess.run(
        words, cwd=cwd, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "warning" not in said.lower(), said
    return done.stdout


def marked(file: str, text: str, mark: str) -> set[tuple[str, int, str]]:
    """Return which lines of a file are wrong, and how."""
    lines = enumerate(text.splitlines(), 1)
    return {
        (file, number, found[1]) for number, line in lines if (found := re.search(rf"{mark} (\S+)$", line))
    }


def refused(said: str, pattern: str) -> set[tuple[str, int, str]]:
    """Return which lines of which files a compiler refuses, and why."""
    return {(file, int(number), code) for file, number, code in re.findall(pattern, said, re.MULTILINE)}


def test_typescript(live: Live, tmp_path: Path) -> None:
    node, modules = require_tool("node"), installed("node/node_modules")
    (tmp_path / "node_modules").symlink_to(modules)
    for program in HERE.glob("*.ts"):
        shutil.copy(program, tmp_path)
    run(node, modules / "openapi-typescript/bin/cli.js", live.document, "--output", "api.ts", cwd=tmp_path)
    hey = modules / "@hey-api/openapi-ts/bin/run.js"
    run(node, hey, "--input", live.document, "--output", "hey", "--no-log-file", cwd=tmp_path)

    strictly = ("--strict", "--noUncheckedIndexedAccess", "--module", "node16", "--target", "es2022")
    programs = ("openapi_fetch.ts", "hey_api.ts", "wrong.ts")
    compiler = modules / "typescript/bin/tsc"
    said = run(
        node,
        *BRIEFLY,
        compiler,
        *strictly,
        "--skipLibCheck",
        "--outDir",
        "out",
        *programs,
        cwd=tmp_path,
        code=2,
    )
    found = refused(said, r"^(\S+)\((\d+),\d+\): error (TS\d+)")
    assert found == marked("wrong.ts", (HERE / "wrong.ts").read_text(), "//"), said
    assert "Type 'number' is not assignable to type 'string'." in said

    words = (live.url, str(REPOSITORY / "README.md"))
    assert run(node, "out/openapi_fetch.js", *words, cwd=tmp_path).splitlines() == [
        str(WORDS), str(WORDS), "FileNotFoundError: error", "3.00 by 4111, 2 pieces",
    ]  # fmt: skip
    assert run(node, "out/hey_api.js", *words, cwd=tmp_path).splitlines() == [
        str(WORDS), "FileNotFoundError: error", "1.5 in 30 days",
    ]  # fmt: skip


def test_python(live: Live, tmp_path: Path) -> None:
    python = installed("python/bin/python")
    # As the docs say: it knows no NDJSON.
    config = "content_type_overrides: {application/x-ndjson: application/octet-stream}"
    (tmp_path / "config.yaml").write_text(config)
    generate = ("generate", "--path", live.document, "--meta", "none", "--output-path", "made")
    run(python.parent / "openapi-python-client", *generate, "--config", "config.yaml", cwd=tmp_path)
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    strictly = ("--strict", "--follow-imports", "silent", "--config-file", os.devnull)
    programs = ("--python-executable", python, "right.py", "wrong.py")
    said = run(BIN / "mypy", *strictly, *programs, cwd=tmp_path, code=1)
    found = refused(said, r"^(\S+):(\d+): error: .*\[([\w-]+)\]$")
    assert found == marked("wrong.py", WRONG, "#"), said

    words = ("right.py", live.url, REPOSITORY / "README.md")
    assert run(python, *words, cwd=tmp_path).splitlines() == [
        str(WORDS), str(WORDS), "FileNotFoundError: error", "3.00 by courier",
    ]  # fmt: skip
