"""Each Lua script is readable by itself: its header names keys, arguments and what it uses of preludes."""

import re
from importlib.resources import files

import pytest

from jobgate.broker.scripts.loader import script

FLOORS = [floor for floor in files("jobgate.broker.scripts").iterdir() if floor.is_dir()]
FOUND = [path for floor in FLOORS for path in floor.iterdir() if path.name.endswith(".lua")]
SOURCES = {path.name: path.read_text("utf-8") for path in FOUND}
PRELUDES = {name for name, text in SOURCES.items() if text.startswith("-- Prelude: ")}
CALLED = sorted(SOURCES.keys() - PRELUDES)
#: Lines of code shorter than this may stand in several scripts.
SHORT = 30


def code_of(name: str) -> str:
    return "\n".join(line.partition("--")[0] for line in SOURCES[name].splitlines())


def header_of(name: str) -> str:
    return SOURCES[name].partition("\n\n")[0]


def named_locals(name: str) -> dict[str, set[str]]:
    """Return what the header says that a script takes, by prelude."""
    found = re.findall(r"^-- Uses: (\w+\.lua) \(([\w, ]+)\)$", header_of(name), re.MULTILINE)
    return {prelude: set(names.split(", ")) for prelude, names in found}


def locals_of(prelude: str) -> set[str]:
    return set(re.findall(r"^local (?:function )?(\w+)", code_of(prelude), re.MULTILINE))


def words_of(name: str) -> set[str]:
    return set(re.findall(r"(?<![.:\w])\w+", re.sub(r"'[^'\n]*'", "''", code_of(name))))


def test_a_name_stands_on_one_floor_only() -> None:
    assert len(SOURCES) == len(FOUND)


def test_an_unknown_script_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match=r"^lost\.lua$"):
        script("lost")


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_what_is_used_of_preludes_is_named(name: str) -> None:
    others = PRELUDES - {name}
    used = {prelude: words_of(name) & locals_of(prelude) for prelude in others}
    assert named_locals(name) == {prelude: names for prelude, names in used.items() if names}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_line_on_uses_is_understood(name: str) -> None:
    assert len(named_locals(name)) == SOURCES[name].count("Uses:")


@pytest.mark.parametrize("name", CALLED)
def test_preludes_come_before_what_uses_them(name: str) -> None:
    source = script(name.removesuffix(".lua")).source
    own_header = header_of(name).removeprefix("#!lua flags=allow-oom\n")
    parts = [part for part in PRELUDES if header_of(part) in source]
    assert set(named_locals(name)) <= set(parts)
    for part in parts:
        assert source.index(header_of(part)) < source.index(own_header)
        assert all(
            source.index(header_of(used)) < source.index(header_of(part)) for used in named_locals(part)
        )


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_no_script_repeats_the_code_of_a_prelude(name: str) -> None:
    lines = {line.strip() for line in code_of(name).splitlines() if len(line.strip()) >= SHORT}
    for prelude in PRELUDES - {name}:
        assert lines & {line.strip() for line in code_of(prelude).splitlines()} == set()


@pytest.mark.parametrize("name", CALLED)
def test_headers_name_all_keys_and_arguments(name: str) -> None:
    header = header_of(name)
    for kind in ("KEYS", "ARGV"):
        used = {int(number) for number in re.findall(rf"{kind}\[(\d+)\]", code_of(name))}
        named = {int(number) for number in re.findall(rf"^-- {kind}\[(\d+)…?\]", header, re.MULTILINE)}
        for first, last in re.findall(rf"^-- {kind}\[(\d+)\.\.(\d+)\]", header, re.MULTILINE):
            named |= set(range(int(first), int(last) + 1))
        assert used <= named, kind
        assert named == set(range(1, len(named) + 1)), kind


@pytest.mark.parametrize("name", CALLED)
def test_headers_say_what_is_returned(name: str) -> None:
    assert re.search(r"^-- Returns ", header_of(name), re.MULTILINE)


def test_a_full_redis_refuses_new_jobs_and_reports_only() -> None:
    writing = {name for name in CALLED if "Writes nothing" not in header_of(name)}
    refused = {name for name in writing if not SOURCES[name].startswith("#!lua flags=allow-oom\n")}
    assert refused == {"enqueue.lua", "rerun.lua", "progress.lua", "probe.lua", "publish.lua"}
