"""The README is followed from its top, as somebody would who types its commands one after the other."""

import re
import shutil
from pathlib import Path

import pytest

from harness.documents.guide import Follower, steps
from harness.hints.generators import node_programs
from harness.processes.commands import REPOSITORY, Processes
from harness.processes.forked import forked_python
from harness.tools import free_port, require_tool, valkey_binary

README = (REPOSITORY / "README.md").read_text()
PARTS = dict(part.split("\n", 1) for part in re.split(r"^## ", README, flags=re.MULTILINE)[1:])
WORDS = str(len(README.split()))
READY = {
    "make run": "jobgate is ready",
    ".venv/bin/jobgate dev": "jobgate is ready",
    ".venv/bin/jobgate worker": "Starting worker for",
    ".venv/bin/jobgate gateway": "listening on",
}
DEV = "jobgate.cli dev examples.settings.WorkerSettings"


def programs_of(python: str) -> dict[str, str]:
    """Return the commands of the programs that the README names and that are Python's."""
    return {
        ".venv/bin/jobgate": f'exec {python} -m jobgate.cli "$@"',
        ".venv/bin/python": f'exec {python} "$@"',
        # What it does besides is tests/acceptance/test_run.py's.
        "programs/make": f'test "$*" = run && exec {python} -m {DEV} --port $PORT',
    }


@pytest.fixture
def reader(processes: Processes, redis_url: str, tmp_path: Path) -> Follower:
    """Somebody with a clone, in which the environment is there already, and a Redis."""
    valkey_binary()
    port = str(free_port())
    clone = tmp_path / "clone"
    of_node = {f"programs/{name}": line for name, line in node_programs().items()}
    for name, line in {**programs_of(forked_python()), **of_node}.items():
        program = clone / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
    shutil.copy(REPOSITORY / "README.md", clone)
    (clone / "examples").symlink_to(REPOSITORY / "examples")
    tools = [str(Path(require_tool(name)).parent) for name in ("curl", "node")]
    return Follower(
        processes,
        clone,
        path=":".join([str(clone / "programs"), "/usr/bin", "/bin", *tools]),
        instead={
            "redis://localhost:6379": redis_url,
            "localhost:8080": f"localhost:{port}",
            "jobgate gateway ": f"jobgate gateway --port {port} ",
            "jobgate dev ": f"jobgate dev --port {port} ",
        },
        ready=READY,
        environment={"PORT": port},
    )


def follow(reader: Follower, part: str) -> list[str]:
    """Do what a part of the README says, and return what its commands printed."""
    printed = [reader.do(step) for step in steps(PARTS[part])]
    return [text for text in printed if text]


@pytest.mark.timeout(300)  # it takes 20 s of processor time
def test_from_the_top(reader: Follower) -> None:
    assert follow(reader, "Start") == []

    curl, shell, node, python = follow(reader, "Call it")
    assert re.fullmatch(
        rf'{{.*"result":{WORDS}}}\n*{{.*"status":"deferred".*}}\n*{{.*"success":true,.*"lines":10,.*}}\n*',
        curl,
    )
    assert (shell, node) == (f"{WORDS}\n", f"{WORDS}\n")
    assert re.fullmatch(rf"{WORDS}\n\w+ {{'lines': 10, .*}}\n", python)

    (generated,) = follow(reader, "Let a compiler check the calls")
    assert "openapi.json → jobgate.d.ts" in generated
    assert "async def count_words(path: str) -> int:" in (reader.folder / "shop.py").read_text()

    (added,) = follow(reader, "Your own functions")
    assert '"result":3' in added
    assert [process.running for process in reader.running.values()] == [True] * 2

    url = next(text for text in reader.instead.values() if text.startswith("localhost:"))
    kept, allowed = follow(reader, "Keys")
    assert "keeps only its hash" in kept
    assert '"result":3' in allowed
    assert '"status":401' in reader.run(f"curl -sS -X POST {url}/jobs/add")
    assert "403" in reader.run(f'curl -sS -X POST {url}/jobs/other -H "Authorization: Bearer $KEY"')


def test_what_is_followed_is_all_that_comes_before_the_installation() -> None:
    followed = ["Start", "Call it", "Let a compiler check the calls", "Your own functions"]
    assert list(PARTS)[:6] == ["Why", *followed, "Install what you need"]
