"""What the documents name exists: scripts, files, classes and their methods."""

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jobgate.worker import Settings

ROOT = Path(__file__).resolve().parents[3]
LAYOUT = (ROOT / "docs" / "redis-layout.md").read_text()
INTERNALS = (ROOT / "docs" / "internals.md").read_text()
ROOMS = ("arq_api", "broker", "cli", "client", "gateway", "testing", "worker")
SCRIPTS = {path.name for path in (ROOT / "broker" / "scripts").rglob("*.lua")}


def members(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that a module's or a class' statements define; those of a class with its name too."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node.name
            yield from (f"{node.name}.{name}" for name in members(node.body))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def defined(path: Path) -> set[str]:
    return set(members(ast.parse(path.read_text()).body))


@functools.cache
def everything_defined() -> dict[Path, set[str]]:
    return {path: defined(path) for room in ROOMS for path in (ROOT / room).rglob("*.py")}


def test_the_layout_names_every_script() -> None:
    assert set(re.findall(r"`(\w+\.lua)`", LAYOUT)) == SCRIPTS


def test_the_layout_names_the_floor_of_every_script() -> None:
    rows = re.findall(r"^\| (?:`(\w+)` )?\| (`\w+\.lua`.*?) \|", LAYOUT, re.MULTILINE)
    floors: dict[str, str] = {}
    floor = ""
    for named, scripts in rows:
        floor = named or floor
        floors |= dict.fromkeys(re.findall(r"\w+\.lua", scripts), floor)
    placed = {path.name: path.parent.name for path in (ROOT / "broker" / "scripts").rglob("*.lua")}
    assert floors == {name: floor for name, floor in placed.items() if not floor.startswith("shared_")}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:\w+/)+(?:\w+\.\w+)?)`", INTERNALS))))
def test_files_of_the_walk_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_scripts_of_the_walk_exist() -> None:
    assert set(re.findall(r"\b(\w+\.lua)\b", INTERNALS)) <= SCRIPTS


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z][a-z]\w*(?:\.\w+)?)`", INTERNALS))))
def test_classes_and_methods_of_the_walk_exist(name: str) -> None:
    owner, _, member = name.partition(".")
    names = set[str]().union(*everything_defined().values())
    # What a class inherits from its parts is defined there.
    methods = {name.split(".")[1] for name in names if "." in name}
    assert owner in names
    assert name in names or not member or member in methods


@pytest.mark.parametrize(
    ("names", "path"), sorted(set(re.findall(r"`([A-Za-z]\w*(?:\.\w+)?)` \(`((?:\w+/)+\w+\.py)`", INTERNALS)))
)
def test_names_of_the_walk_are_in_the_file_beside_them(names: str, path: str) -> None:
    owner, _, member = names.partition(".")
    there = everything_defined()[ROOT / path]
    assert {owner, member or owner} & there, f"{names} is not in {path}"


@pytest.mark.parametrize("page", ["functions.md", "cron.md"])
def test_the_settings_on_the_page_are_accepted(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def clean_up(ctx: dict[str, Any]) -> None: ...

    jobs, settings = ModuleType("shop.jobs"), ModuleType("shop.settings")
    vars(jobs)["clean_up"] = clean_up
    for module in (ModuleType("shop"), jobs, settings):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    (example,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.M | re.S)
    exec(example, vars(settings))
    assert len(Settings.of(vars(settings)["WorkerSettings"]).functions) == 3
