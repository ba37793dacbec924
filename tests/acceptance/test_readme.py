"""The README's examples do what it says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.processes import Process, Processes
from harness.tools import free_port, require_tool, valkey_binary

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def block(language: str, containing: str) -> str:
    (found,) = [code for kind, code in BLOCKS if kind == language and containing in code]
    return found


@pytest.fixture
def dev(processes: Processes, tmp_path: Path) -> Iterator[Process]:
    """`jobgate dev` with the README's own settings class, on a free port."""
    valkey_binary()
    (tmp_path / "my_jobs.py").write_text(block("python", "class WorkerSettings"))
    port = free_port()
    process = processes.start("dev", "my_jobs.WorkerSettings", "--port", str(port), cwd=tmp_path)
    process.url = f"http://localhost:{port}"
    process.wait_for_log("jobgate is ready")
    yield process
    assert process.terminate() == 0


def run(argv: list[str], folder: Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=folder, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl(dev: Process, tmp_path: Path) -> None:
    require_tool("curl")
    commands = block("sh", "/jobs/add").replace("localhost:8080", dev.url.removeprefix("http://"))
    at_once, accepted, later = [run(["sh", "-c", line], tmp_path) for line in commands.strip().splitlines()]
    assert '"result":3' in at_once
    assert '"status":"deferred"' in accepted
    assert '"result":3' in later


def test_node(dev: Process, tmp_path: Path) -> None:
    program = block("js", "fetch(").replace("http://localhost:8080", dev.url)
    (tmp_path / "call.mjs").write_text(program + "console.log(success, result, error);\n")
    assert run([require_tool("node"), "call.mjs"], tmp_path) == "true 3 undefined\n"


def test_python(dev: Process, tmp_path: Path) -> None:
    program = block("python", "Client(").replace("http://localhost:8080", dev.url)
    soon = program.replace("_defer_by=30", "_defer_by=3")
    assert soon != program
    body = "".join(f"    {line}\n" for line in [*soon.splitlines(), "assert total == 3"])
    (tmp_path / "call.py").write_text(f"import asyncio\nasync def main():\n{body}asyncio.run(main())\n")
    assert run([sys.executable, "call.py"], tmp_path).endswith("deferred 3\n")


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
