"""The house rules that a tool can hold: rooms, import directions, names, packaging, words."""

import ast
import functools
import importlib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
#: Room -> its folder. One named `arq` would hide the real arq from tests.
ROOMS = {"arq": "arq_api"} | {
    room: room for room in ("broker", "cli", "client", "gateway", "testing", "worker")
}
#: Room -> the other rooms that it may import.
ALLOWED = {
    "arq": {"broker", "client", "worker"},
    "broker": set(),
    "cli": {"arq", "broker", "client", "gateway", "testing", "worker"},
    "client": set(),
    "gateway": {"broker"},
    "testing": {"arq", "broker", "client", "gateway", "worker"},
    "worker": {"broker"},
}
#: Modules that other places import by their own names, because few need what they need.
PUBLIC_MODULES = {
    "jobgate.broker.embedded",
    "jobgate.client.redis",
    "jobgate.worker.hints.conversion",
    "jobgate.worker.hints.hint_adapters",
}
#: The client's Redis side: the files that may know the broker. The base install never loads them.
REDIS_SIDE = {
    f"client/redis/{name}.py"
    for name in (
        *("failure_counts", "job_events", "job_list", "job_views", "operation_records", "operations"),
        *("queue_events", "translation", "transport"),
    )
}
#: What users import from: their names need no other user.
DOORS_OF_USERS = {"jobgate.arq", "jobgate.client", "jobgate.testing", "jobgate.worker"}
#: A module of a room, named in a string: an import that no other test would see.
MODULE_NAME = re.compile(rf"jobgate\.({'|'.join(ROOMS)})\.\w+(\.\w+)*")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCES = [path for room in ROOMS for path in sorted((ROOT / ROOMS[room]).rglob("*.py"))]
HARNESS = sorted((ROOT / "tests" / "harness").rglob("*.py"))
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("openapi.yaml")])
#: Words of other projects for what we call function, job, try.
FOREIGN_WORDS = re.compile(r"\b(tasks?|attempts?|consumers?|brokers?' queue|dead[- ]letter)\b", re.IGNORECASE)


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    folder = path.relative_to(ROOT).parts[0]
    return next(room for room, its_folder in ROOMS.items() if its_folder == folder)


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_rooms(path: Path) -> set[str]:
    names = [name.split(".") for name in imported_modules(path)]
    return {parts[1] for parts in names if parts[0] == "jobgate" and len(parts) > 1}


def named_rooms(path: Path) -> set[str]:
    """Return the rooms whose modules are named in strings, which may be imported by these."""
    nodes = ast.walk(tree(path))
    strings = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {found[1] for found in map(MODULE_NAME.fullmatch, strings) if found}


def broken(rule: Callable[[Path], Iterable[object]], paths: Iterable[Path] = SOURCES) -> dict[str, object]:
    """Return what breaks a rule, by file: one test for all files, for there are many of both."""
    found = {short(path): list(rule(path)) for path in paths}
    return {name: wrong for name, wrong in found.items() if wrong}


def test_imports_run_one_way() -> None:
    def rooms_that_it_may_not_know(path: Path) -> set[str]:
        room = room_of(path)
        allowed = ALLOWED[room] | {room} | ({"broker"} if short(path) in REDIS_SIDE else set())
        return (imported_rooms(path) | named_rooms(path)) - allowed

    assert broken(rooms_that_it_may_not_know) == {}


def place(module: str, package: str) -> str:
    """Return the place of a module in a package: its floor there, or itself where it stands on none."""
    return ".".join(module.split(".")[: package.count(".") + 2])


def module_of(path: Path) -> str:
    return ".".join(["jobgate", room_of(path), *path.relative_to(ROOT).with_suffix("").parts[1:]])


def packages() -> list[str]:
    return sorted(module_of(path.parent) for path in SOURCES if path.name == "__init__.py")


def sources_of(package: str) -> list[Path]:
    return [path for path in SOURCES if module_of(path).startswith(f"{package}.")]


def arrows(door: str) -> dict[str, set[str]]:
    """Return which place of a package imports which others of it; its own door leads to all of them."""
    places = {place(module_of(path), door) for path in sources_of(door)} - {f"{door}.__init__"}
    found: dict[str, set[str]] = {each: set() for each in places}
    for path in sources_of(door):
        if (here := place(module_of(path), door)) in places:
            names = {place(name, door) for name in imported_modules(path)}
            by_door = {name for name in names if name.startswith(f"{door}.")} - places
            found[here] |= (places if by_door or imports_whole(path, door) else names & places) - {here}
    return found


def imports_whole(path: Path, module: str) -> bool:
    """Whether a file has `import MODULE`."""
    imports = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Import))
    return any(alias.name == module for node in imports for alias in node.names)


def with_floors() -> list[str]:
    return [one for one in packages() if any(other.startswith(f"{one}.") for other in packages())]


@pytest.mark.parametrize("package", with_floors())
def test_arrows_between_floors_run_one_way(package: str) -> None:
    assert tuple(TopologicalSorter(arrows(package)).static_order())


def past_the_door(path: Path) -> Iterator[str]:
    """Yield the modules inside of another room or another floor that a file imports, or imports from.

    A module is free to import what stands on its own floor, or on the floors and in the room around that.
    """
    here = module_of(path)
    for node in ast.walk(tree(path)):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in modules:
            floor = module.rpartition(".")[0]
            is_ours = module.startswith("jobgate.")
            if is_ours and not here.startswith(f"{floor}.") and module not in PUBLIC_MODULES:
                yield module


def test_nobody_imports_past_a_door() -> None:
    assert broken(past_the_door) == {}


def test_rooms_are_imported_by_their_namespace() -> None:
    folders = set(ROOMS.values())
    assert broken(lambda path: {name.split(".")[0] for name in imported_modules(path)} & folders) == {}


def test_floors_stay_small() -> None:
    """A reader who opens a floor sees a dozen files at most: code, and whatever else stands there."""
    folders = {path.parent for path in SOURCES} | {path.parent for path in HARNESS}
    files = {folder: [path for path in folder.iterdir() if is_to_be_read(path)] for folder in folders}
    assert {short(folder): len(found) for folder, found in files.items() if len(found) > 12} == {}


def is_to_be_read(path: Path) -> bool:
    return path.is_file() and path.suffix in {".py", ".lua", ".js", ".css"} and path.name != "__init__.py"


def test_files_stay_under_400_lines() -> None:
    assert broken(lambda path: path.read_text().splitlines()[399:]) == {}


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > 50:
                yield f"{node.name}: {lines} lines"


def test_functions_stay_under_50_lines() -> None:
    assert broken(long_functions) == {}


def test_package_list_equals_the_rooms_and_their_floors() -> None:
    setuptools = PYPROJECT["tool"]["setuptools"]
    assert setuptools["packages"] == ["jobgate", *packages()]
    assert setuptools["package-dir"] == {"": ".types"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_folder_of_a_room_is_a_floor(room: str) -> None:
    files = (ROOT / ROOMS[room]).rglob("*")
    folders = {path.parent for path in files if path.is_file() and path.suffix != ".pyc"}
    assert [short(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_are_typed(room: str) -> None:
    assert (ROOT / ROOMS[room] / "py.typed").is_file()


def test_links_for_type_checkers_equal_the_rooms() -> None:
    links = {path.name: path.readlink().as_posix() for path in (ROOT / ".types" / "jobgate").iterdir()}
    assert links == {room: f"../../{ROOMS[room]}" for room in ROOMS}


def test_namespace_has_no_init_file() -> None:
    assert not (ROOT / ".types" / "jobgate" / "__init__.py").exists()


def listed(door: str) -> list[str]:
    """Return the names that a door lists."""
    return list(getattr(importlib.import_module(door), "__all__", []))


@pytest.mark.parametrize("door", packages())
def test_names_of_a_door_can_be_imported_once_each(door: str) -> None:
    names = listed(door)
    assert len(set(names)) == len(names)
    assert [name for name in names if not hasattr(importlib.import_module(door), name)] == []


def imported_names(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each `from jobgate… import …` of a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jobgate"):
            yield from ((node.module or "", alias.name) for alias in node.names)


@pytest.mark.parametrize("door", packages())
def test_doors_list_what_they_import(door: str) -> None:
    path = next(path for path in SOURCES if module_of(path) == f"{door}.__init__")
    imported = {name for _, name in imported_names(path)}
    own = {"VERSION"} if door == "jobgate.arq" else set()
    assert set(listed(door)) == imported | own


def test_each_name_of_a_door_is_used_by_another_place() -> None:
    used = {
        (module, name)
        for path in SOURCES
        for module, name in imported_names(path)
        if not module_of(path).startswith(f"{module}.")
    }
    doors = [door for door in packages() if door not in DOORS_OF_USERS]
    unused = {(door, name) for door in doors for name in listed(door)} - used
    assert unused == set()


def test_code_uses_our_words() -> None:
    scripts = (ROOT / "broker" / "scripts").rglob("*.lua")
    # `task` is left to asyncio's tasks.
    words = re.compile(r"attempts?|dead[- ]letter", re.IGNORECASE)
    assert broken(lambda path: words.findall(path.read_text()), [*SOURCES, *scripts]) == {}


def test_docs_use_our_words() -> None:
    def foreign(path: Path) -> list[str]:
        text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)
        return FOREIGN_WORDS.findall(text)

    # The glossary says which words are not ours.
    assert broken(foreign, [path for path in DOCS if path.name != "glossary.md"]) == {}


def test_links_in_docs_lead_somewhere() -> None:
    def dead(path: Path) -> list[str]:
        targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
        return [each for each in targets if "://" not in each and not (path.parent / each).exists()]

    assert broken(dead, [path for path in DOCS if path.suffix == ".md"]) == {}


def test_files_that_texts_name_exist() -> None:
    """A file is named by its path from the root, from its room or from the naming file's folder."""
    tests = sorted((ROOT / "tests").rglob("*.py"))

    def missing(path: Path) -> list[str]:
        named = re.findall(r"(?<![\w/.<}-])((?:[a-z_]+/)+[a-z_]+\.(?:py|lua|md))\b", path.read_text())
        bases = [*path.parents, *(ROOT / folder for folder in ROOMS.values())]
        found = {name for name in named for base in bases if (base / name).is_file()}
        # These are written by a test, or by the reader of docs/frameworks.md.
        made = {name for name in named if name.startswith(("deep/", "orders/", "shop/"))}
        return sorted({*named} - found - made)

    assert broken(missing, [*SOURCES, *tests, *DOCS]) == {}


def anchor(heading: str) -> str:
    """The name under which a heading can be linked to."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def links_to_no_heading(path: Path) -> Iterator[str]:
    for target, wanted in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", path.read_text()):
        if "://" in target:
            continue
        there = path.parent / target if target else path
        if wanted not in map(anchor, re.findall(r"^#+ (.+)$", there.read_text(), re.MULTILINE)):
            yield f"{target}#{wanted}"


def test_links_to_headings_lead_to_one() -> None:
    assert broken(links_to_no_heading, [path for path in DOCS if path.suffix == ".md"]) == {}
