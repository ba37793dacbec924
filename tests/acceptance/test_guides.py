"""The guides are followed step by step, as their reader would: arq fleets, testing, TLS.

Only ports and URLs are put in. `pip install` is looked at, not run: the extras must exist.
"""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from harness.arq.stock import arq_packages
from harness.arq.versions import ARQ_VERSIONS, arq_program
from harness.documents.guide import DOCS, Follower, Step, steps
from harness.hints.generators import node_programs
from harness.hints.type_checkers import MYPY
from harness.processes.commands import Processes
from harness.processes.forked import forked_python
from harness.tools import free_port, require_tool
from jobgate.arq import create_pool

ROOT = DOCS.parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
READY = {
    "arq tasks.WorkerSettings": "redis_version=",
    "jobgate worker": "Starting worker for",
    "jobgate gateway": "listening on",
}
PIP = r"""
import re, sys
command, *names = sys.argv[1:]
if [command, *names] == ["uninstall", "--yes", "arq"]:
    BESIDE.unlink()
    sys.exit()
assert command == "install" and names, sys.argv
for name in names:
    extras = re.fullmatch(r"\.\./jobgate\[(.*)\]", name).group(1)
    assert set(extras.split(",")) <= set(EXTRAS), name
"""


def programs(folder: Path, **commands: str) -> str:
    """Make a folder of programs, each a shell command that gets the arguments; return a PATH with it."""
    folder.mkdir()
    for name, command in commands.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (folder / name).chmod(0o755)
    curl = Path(require_tool("curl")).parent
    return f"{folder}:/usr/bin:/bin:{curl}"


def pip(folder: Path, beside: Path | None = None) -> str:
    script = folder / "pip.py"
    script.write_text(
        f"from pathlib import Path\nEXTRAS = {sorted(EXTRAS)}\nBESIDE = Path({str(beside)!r})\n{PIP}"
    )
    return f"{forked_python()} {script}"


def put_in(redis_url: str) -> dict[str, str]:
    port = str(free_port())
    return {
        "redis://localhost:6379": redis_url,
        "localhost:8080": f"localhost:{port}",
        "jobgate gateway ": f"jobgate gateway --port {port} ",
    }


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "version",
    [*(pytest.param(version, marks=pytest.mark.long) for version in ARQ_VERSIONS[:-1]), ARQ_VERSIONS[-1]],
)
def test_in_front_of_arq(version: str, processes: Processes, redis_url: str, tmp_path: Path) -> None:
    path = programs(
        tmp_path / "programs",
        arq=arq_program("arq", version),
        python=arq_program("python", version),
        jobgate=f"{forked_python()} -m jobgate.cli",
        pip=pip(tmp_path),
    )
    folder = tmp_path / "project"
    folder.mkdir()
    reader = Follower(processes, folder, path=path, instead=put_in(redis_url), ready=READY)
    assert reader.follow("in-front-of-arq.md") > 12
    (worker,) = reader.running.values()
    assert worker.running, worker.log
    assert "tidied" in worker.log


@pytest.fixture
def moving(processes: Processes, redis_url: str, tmp_path: Path) -> Follower:
    """A reader of the second guide, who has both packages in one environment."""
    beside = tmp_path / "beside"
    beside.symlink_to(arq_packages())
    path = programs(
        tmp_path / "programs",
        arq=f"{forked_python()} -m arq",
        python=forked_python(),
        jobgate=f"{forked_python()} -m jobgate.cli",
        pip=pip(tmp_path, beside),
    )
    folder = tmp_path / "project"
    folder.mkdir()
    both = {"PYTHONPATH": str(beside)}
    return Follower(processes, folder, path=path, instead=put_in(redis_url), ready=READY, environment=both)


@pytest.mark.timeout(120)
def test_move_from_arq(moving: Follower, tmp_path: Path) -> None:
    assert moving.follow("move-from-arq.md") > 15
    (worker,) = moving.running.values()
    assert worker.running, worker.log
    assert not (tmp_path / "beside").exists(), "the guide takes arq away"


@pytest.mark.timeout(120)
async def test_each_step_can_be_taken_back_while_jobs_wait(moving: Follower, redis_url: str) -> None:
    tasks, *_ = (step for step in steps((DOCS / "move-from-arq.md").read_text()) if step.name == "tasks.py")
    moving.do(tasks)
    for serializer, worker in (
        ("pickle", "jobgate worker tasks.WorkerSettings"),
        ("json", "jobgate worker tasks.WorkerSettings --serializer pickle"),
        ("pickle", "arq tasks.WorkerSettings"),
    ):
        async with await create_pool(redis_url, serializer=serializer) as pool:
            job = await pool.enqueue_job("add", 1, b=2)
            assert job is not None
            moving.do(Step("run", f"{worker} --burst"))
            assert await job.result(timeout=5) == 3


@pytest.mark.timeout(120)
def test_testing(processes: Processes, tmp_path: Path) -> None:
    path = programs(tmp_path / "programs", python=forked_python())
    folder = tmp_path / "project"
    folder.mkdir()
    # Of all plugins that are installed here, those that its reader has.
    plugins = "jobgate.testing.pytest_plugin,pytest_asyncio.plugin"
    fast = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": plugins}
    reader = Follower(processes, folder, path=path, instead={}, ready={}, environment=fast)
    printed = [reader.do(step) for step in steps((DOCS / "testing.md").read_text())]
    assert [re.findall(r"(\d+ passed|^OK$)", text, re.MULTILINE) for text in printed if text] == [
        ["6 passed"], ["OK"], ["2 passed"],
    ]  # fmt: skip


@pytest.mark.timeout(120)
def test_tls(processes: Processes, tmp_path: Path) -> None:
    tools = {name: require_tool(name) for name in ("nginx", "openssl", "redis-server")}
    path = programs(
        tmp_path / "programs", jobgate=f"{forked_python()} -m jobgate.cli", python=forked_python(), **tools
    )
    folder = tmp_path / "project"
    folder.mkdir()
    ports = {"localhost:8080": f"localhost:{(port := str(free_port()))}"}
    ports |= {"6380": str(free_port()), "8443": str(free_port()), "9443": str(free_port())}
    instead = {**ports, "jobgate gateway ": f"jobgate gateway --port {port} "}
    ready = {
        **READY,
        "redis-server --port": "Ready to accept connections",
        "nginx -p": "start worker process",
    }
    reader = Follower(processes, folder, path=path, instead=instead, ready=ready)
    assert reader.follow("tls.md") > 8
    assert len(reader.running) == 5


@pytest.mark.timeout(120)
@pytest.mark.parametrize("language", [pytest.param("ts", marks=pytest.mark.long), "python"])
def test_typed_clients(language: str, processes: Processes, redis_url: str, tmp_path: Path) -> None:
    """In TypeScript only in the long form: tests of the README and of generated clients compile the same."""
    processes.worker("examples.settings.WorkerSettings", redis_url)
    gateway = processes.gateway(redis_url)
    path = programs(
        tmp_path / "programs",
        python=forked_python(),
        jobgate=f"{forked_python()} -m jobgate.cli",
        mypy=shlex.join(MYPY),
    )
    for name, line in node_programs().items():
        (tmp_path / "programs" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "programs" / name).chmod(0o755)
    folder = tmp_path / "project"
    folder.mkdir()
    instead = {"http://localhost:8080": gateway.url}
    reader = Follower(processes, folder, path=path, instead=instead, ready={})
    typescript, python = (DOCS / "typed-clients.md").read_text().split("\n## Python")
    followed = [reader.do(step) for step in steps(typescript if language == "ts" else python)]
    assert len(followed) > 4


@pytest.mark.timeout(120)
def test_command_line(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    processes.worker("examples.settings.WorkerSettings", redis_url)
    gateway = processes.gateway(redis_url)
    path = programs(tmp_path / "programs", jobgate=f"{forked_python()} -m jobgate.cli")
    folder = tmp_path / "project"
    folder.mkdir()
    instead = {"http://localhost:8080": gateway.url}
    reader = Follower(processes, folder, path=path, instead=instead, ready={})
    assert reader.follow("command-line.md") == 8


def test_what_is_not_true_fails(processes: Processes, tmp_path: Path) -> None:
    """Proof that a guide which says something else than what happens does not pass."""
    reader = Follower(processes, tmp_path, path="/usr/bin:/bin", instead={"8080": "80"}, ready={})
    reader.do(Step("compare", "$ echo port 8080\nport …\n"))
    reader.do(Step("run", "WORD=kept"))
    reader.do(Step("compare", "$ echo $WORD\nkept\n"))
    for session in ("$ echo 1\n2\n", "$ echo 1\n", "$ false\n", "$ echo 12\n…1\n"):
        with pytest.raises(AssertionError):
            reader.do(Step("compare", session))


def test_every_block_of_the_guides_is_followed() -> None:
    for name in (
        "command-line.md",
        "in-front-of-arq.md",
        "move-from-arq.md",
        "testing.md",
        "typed-clients.md",
    ):
        kinds = [step.kind for step in steps((DOCS / name).read_text())]
        blocks = re.findall(r"^```(\w+)", (DOCS / name).read_text(), re.MULTILINE)
        assert len([kind for kind in kinds if kind != "stop"]) == len(blocks) - blocks.count("text")
