"""The developer's commands: their list, and the choice of a Python."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers import PACKAGES
from harness.arq.versions import ARQ_VERSIONS
from harness.tools import require_tool

ROOT = Path(__file__).resolve().parents[3]
FIND_PYTHON = ["sh", str(ROOT / "deploy" / "find-python.sh")]


def test_make_alone_lists_every_command() -> None:
    listed = subprocess.run(
        [require_tool("make"), "-s", "-C", str(ROOT)], capture_output=True, text=True, check=True
    )
    declared = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"^  make (\w+)", listed.stdout, re.MULTILINE) == declared
    assert {"run", "test", "check", "bench", "faults"} <= set(declared)


def test_make_knows_the_versions_of_arq_that_the_tests_use() -> None:
    (line,) = re.findall(r"^ARQ_VERSIONS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert tuple(line.split()) == ARQ_VERSIONS


def test_make_builds_an_environment_for_each_peer() -> None:
    (line,) = re.findall(r"^PEERS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {*line.split()} == {*PACKAGES} - {"jobgate", "arq"}
    assert {path.stem for path in (ROOT / "requirements").glob("peer-*")} == {
        f"peer-{one}" for one in line.split()
    }


def test_the_python_that_is_named_is_taken() -> None:
    found = subprocess.run([*FIND_PYTHON, sys.executable], capture_output=True, text=True, check=True)
    assert found.stdout == f"{sys.executable}\n"


def test_a_python_that_fits_is_found() -> None:
    found = subprocess.run(FIND_PYTHON, capture_output=True, text=True, check=True).stdout.strip()
    asked = subprocess.run(
        [found, "-c", "import sys; print(sys.version_info >= (3, 11))"], capture_output=True, check=True
    )
    assert asked.stdout == b"True\n"


@pytest.mark.parametrize("name", ["no-such-python", "false"])
def test_without_a_fitting_python_it_is_said_clearly(name: str) -> None:
    found = subprocess.run([*FIND_PYTHON, name], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stdout == ""
    assert "jobgate needs Python 3.11 or newer" in found.stderr
