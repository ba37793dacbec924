"""The lower bounds in pyproject.toml are true: the whole works with the oldest versions that they allow."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from harness.forms import LONG
from harness.processes.commands import Processes
from harness.tools import free_port, valkey_binary

pytestmark = pytest.mark.early

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "openapi.yaml")
ROOMS = ("arq_api", "broker", "cli", "client", "gateway", "testing", "worker")

CALL = """
import asyncio, sys
from jobgate.client import Client

async def main():
    for url in sys.argv[1:]:
        async with Client(url) as client:
            assert await client.call("double", 21, _timeout=60) == 42, url

asyncio.run(main())
"""
JOBS = """
async def double(ctx, number):
    return 2 * number

class WorkerSettings:
    functions = [double]
"""
#: Each process would compile all packages for itself where the environment has this.
COMPILING = {"PYTHONDONTWRITEBYTECODE": ""}


@pytest.fixture
def oldest(tmp_path: Path) -> Path:
    """The bin folder of a virtual environment with the oldest allowed versions."""
    source = tmp_path / "source"  # a copy: a build leaves files beside the sources
    shutil.copytree(ROOT / ".types", source / ".types", symlinks=True)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in NEEDED:
        shutil.copy2(ROOT / name, source)
    bin_folder = tmp_path / "venv" / "bin"
    for words in (
        ("venv", "--quiet", "--python", sys.executable, str(bin_folder.parent)),
        (
            *("pip", "install", "--quiet", "--python", str(bin_folder / "python")),
            *("--resolution", "lowest-direct", f"jobgate[all] @ {source.as_uri()}"),
        ),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "uv", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return bin_folder


@pytest.mark.timeout(400)
def test_call_works_with_the_oldest_versions(oldest: Path, processes: Processes, tmp_path: Path) -> None:
    valkey_binary()
    (tmp_path / "my_jobs.py").write_text(JOBS)
    port = free_port()
    words = ("dev", "my_jobs.WorkerSettings", "--port", str(port))
    dev = processes.start(*words, program=str(oldest / "jobgate"), cwd=tmp_path, env=COMPILING)
    redis_url = dev.wait_for_log(r"Valkey on (\S+),").group(1)
    dev.wait_for_log("jobgate is ready", timeout=30)

    call = [str(oldest / "python"), "-c", CALL, f"http://127.0.0.1:{port}", redis_url]
    called = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120)
    assert called.returncode == 0, called.stderr + dev.log
    assert dev.terminate() == 0
    assert "Warning" not in dev.log


def lower_bounds() -> dict[str, str]:
    """Each direct dependency with the version that pyproject.toml allows at least."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    needed = [Requirement(text) for group in groups for text in group]
    return {
        each.name.lower(): clause.version
        for each in needed
        for clause in each.specifier
        if clause.operator == ">="
    }


def pythons() -> list[str]:
    """The versions of Python that the classifiers name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    return [str(version) for version in found]


def ends(versions: list[str]) -> list[str]:
    """The oldest and the newest."""
    return [versions[0], versions[-1]]


@pytest.fixture(scope="module")
def resolutions() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """A resolution for each Python; they run at the same time, for they mostly wait for the package index."""
    words = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    words += ["--all-extras", "--only-binary", ":all:", "--resolution", "lowest-direct", "pyproject.toml"]
    running = {
        python: subprocess.Popen(
            [*words, "--python-version", python],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for python in (pythons() if LONG else ends(pythons()))
    }
    yield running
    for each in running.values():
        each.kill()
        each.communicate()


@pytest.mark.parametrize(
    "python",
    [
        python if python in ends(pythons()) else pytest.param(python, marks=pytest.mark.long)
        for python in pythons()
    ],
)
def test_each_lower_bound_has_a_wheel_for_each_python(
    python: str, resolutions: dict[str, subprocess.Popen[str]]
) -> None:
    found, errors = resolutions[python].communicate()
    assert resolutions[python].returncode == 0, errors
    chosen = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)", found, re.MULTILINE))
    wanted = lower_bounds()
    # As versions: 0.16 and 0.16.0 are the same.
    assert {name: Version(chosen[name]) for name in wanted} == {
        name: Version(version) for name, version in wanted.items()
    }
