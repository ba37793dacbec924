"""The README is followed from its top, as somebody would who types its commands one after the other."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.guide import Follower, steps
from harness.processes import REPOSITORY, Processes
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
DEV = f"{sys.executable} -m jobgate.cli dev examples.settings.WorkerSettings"
PROGRAMS = {
    ".venv/bin/jobgate": f'exec {sys.executable} -m jobgate.cli "$@"',
    ".venv/bin/python": f'exec {sys.executable} "$@"',
    # What it does besides is tests/acceptance/test_run.py's.
    "programs/make": f'test "$*" = run && exec {DEV} --port $PORT',
}


@pytest.fixture
def reader(processes: Processes, redis_url: str, tmp_path: Path) -> Follower:
    """Somebody with a clone, in which the environment is there already, and a Redis."""
    valkey_binary()
    port = str(free_port())
    clone = tmp_path / "clone"
    for name, line in PROGRAMS.items():
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


@pytest.mark.timeout(120)
def test_from_the_top(reader: Follower) -> None:
    assert follow(reader, "Start") == []

    curl, node, python = follow(reader, "Call it")
    assert re.fullmatch(
        rf'{{.*"result":{WORDS}}}\n*{{.*"status":"deferred".*}}\n*{{.*"success":true,.*"lines":10,.*}}\n*',
        curl,
    )
    assert node == f"{WORDS}\n"
    assert re.fullmatch(rf"{WORDS}\n\w+ {{'lines': 10, .*}}\n", python)

    (added,) = follow(reader, "Your own functions")
    assert '"result":3' in added
    assert [process.running for process in reader.running.values()] == [True] * 2


def test_what_is_followed_is_all_that_comes_before_the_installation() -> None:
    assert list(PARTS)[:4] == ["Start", "Call it", "Your own functions", "Install what you need"]


def run(argv: list[str], folder: Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=folder, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_keys(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    """A key made as the README makes it opens a gateway that is not on loopback alone."""
    words = re.search(r"^jobgate (key new [^#\n]+)", README, re.MULTILINE)
    assert words
    made = run(["sh", "-c", f"{sys.executable} -m jobgate.cli {words.group(1)}"], tmp_path)
    assert (tmp_path / "keys.toml").is_file()
    gateway = processes.gateway(redis_url, "--host", "0.0.0.0", "--keys", str(tmp_path / "keys.toml"))
    curl = [require_tool("curl"), "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"]
    job = f"{gateway.url}/jobs/send_invoice"
    assert run([*curl, job], tmp_path) == "401"
    assert run([*curl, "-H", f"Authorization: Bearer {made.split()[-1]}", job], tmp_path) == "202"
    gateway.terminate()
