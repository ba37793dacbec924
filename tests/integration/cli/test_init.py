"""`jobgate init`: what it writes runs at once, as its README says, and it replaces nothing."""

import json
import os
import shlex
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from harness.documents.guide import Follower, steps
from harness.processes.commands import Processes
from harness.processes.forked import forked_python
from harness.tools import free_port, require_tool, valkey_binary
from jobgate.cli.main import main
from jobgate.cli.project import FILES


def init(*words: str) -> Result:
    return CliRunner().invoke(main, ["init", *words])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "My shop"
    assert init(str(folder)).exit_code == 0
    return folder


def test_the_project_runs_as_its_readme_says(processes: Processes, project: Path, tmp_path: Path) -> None:
    valkey_binary()
    require_tool("curl")
    programs = tmp_path / "programs"
    programs.mkdir()
    modules = {"jobgate": "-m jobgate.cli", "pytest": "-m pytest -q", "python": ""}
    for name, module in modules.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {forked_python()} {module} "$@"\n')
        (programs / name).chmod(0o755)
    port = free_port()
    reader = Follower(
        processes,
        project,
        path=f"{programs}:/usr/bin:/bin",
        instead={
            "localhost:8080": f"localhost:{port}",
            "jobgate call ": f"jobgate call --url http://localhost:{port} ",
            "jobgate dev ": f"jobgate dev --no-watch --port {port} ",
        },
        ready={"jobgate dev": "jobgate is ready on"},
        environment={
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "jobgate.testing.pytest_plugin",
        },
    )
    printed = [reader.do(step) for step in steps((project / "README.md").read_text())]
    assert len(printed) == 5
    assert "2 passed" in printed[-1]


def test_it_says_what_it_wrote_and_what_is_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = init(str(tmp_path / "My shop"))
    assert [name for name in FILES if f"\n  {name} " not in answer.output] == []
    assert f"\n  cd {shlex.quote(str(tmp_path / 'My shop'))}\n" in answer.output
    monkeypatch.chdir(tmp_path)
    assert "cd " not in init().output
    assert {*FILES, "My shop"} == set(os.listdir(tmp_path))


@pytest.mark.parametrize("name", ["Dockerfile", ".gitignore"])
@pytest.mark.parametrize("link", [False, True])
def test_nothing_is_replaced(tmp_path: Path, name: str, link: bool) -> None:
    if link:
        (tmp_path / name).symlink_to("nowhere")
    else:
        (tmp_path / name).write_text("mine")
    answer = init(str(tmp_path))
    assert answer.exit_code == 1
    assert f"already has {name}, and nothing was written. Name a new folder" in answer.output
    assert os.listdir(tmp_path) == [name]
    assert link or (tmp_path / name).read_text() == "mine"


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine")
    answer = init(str(tmp_path / "shop"))
    assert (answer.exit_code, "is not a folder: name another one" in answer.output) == (1, True)
    answer = init(str(tmp_path / "shop" / "more"))
    assert (answer.exit_code, "cannot be written: Not a directory" in answer.output) == (1, True)


def understood(words: list[str]) -> bool:
    """Whether the command takes these words."""
    name, *rest = words
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return bool(command.make_context(name, rest).params)


def test_compose_runs_commands_of_jobgate(project: Path) -> None:
    services = yaml.safe_load((project / "compose.yaml").read_text())["services"]
    assert services.keys() == {"valkey", "gateway", "worker"}
    assert all(understood(services[name]["command"]) for name in ("gateway", "worker"))
    assert (services["gateway"]["image"], services["worker"]["build"]) == ("jobgate", ".")


def test_the_image_is_that_of_the_docs(project: Path) -> None:
    """tests/integration/system/test_dockerfile.py follows the steps of the image below it."""
    lines = [line for line in (project / "Dockerfile").read_text().splitlines() if line[:1] != "#"]
    docs = Path(__file__).parents[3] / "docs" / "deployment.md"
    assert "```dockerfile\n" + "\n".join(lines) + "\n```\n" in docs.read_text()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
    assert copied == ["requirements.txt", "my_jobs.py"]
    assert understood(json.loads(lines[-1].removeprefix("CMD ")))
