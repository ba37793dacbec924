"""Changes of functions between two releases: which of them break callers of the old one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import CliRunner, Result
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from jobgate.cli.main import main
from jobgate.cli.schema_diff import UnreadableFile, changes, read_functions, write_functions
from jobgate.worker import Settings, func

Ctx = dict[str, Any]


class Line(BaseModel):
    name: str
    count: int = 1


class LineWithNote(BaseModel):
    name: str
    count: int = 1
    note: str | None = None


class LineWithDay(BaseModel):
    name: str
    count: int = 1
    day: str


class Loose(BaseModel):
    name: str
    count: int | str = 1


class Entry(TypedDict, total=False):
    name: str


# One release after another of a function `f`; each test picks two.
async def plain(ctx: Ctx, a: int, b: int = 1) -> int: ...  # type: ignore[empty-body]
async def longer(ctx: Ctx, a: int, b: int = 1, c: int = 2) -> int: ...  # type: ignore[empty-body]
async def demanding(ctx: Ctx, a: int, b: int = 1, *, c: int) -> int: ...  # type: ignore[empty-body]
async def required(ctx: Ctx, a: int, b: int) -> int: ...  # type: ignore[empty-body]
async def shorter(ctx: Ctx, a: int) -> int: ...  # type: ignore[empty-body]
async def swapped(ctx: Ctx, b: int, a: int = 1) -> int: ...  # type: ignore[empty-body]
async def inserted(ctx: Ctx, a: int, x: int = 0, b: int = 1) -> int: ...  # type: ignore[empty-body]
async def by_name(ctx: Ctx, a: int, *, b: int = 1) -> int: ...  # type: ignore[empty-body]
async def by_place(ctx: Ctx, a: int, b: int = 1, /) -> int: ...  # type: ignore[empty-body]
async def renamed_places(ctx: Ctx, x: int, y: int = 1, /) -> int: ...  # type: ignore[empty-body]
async def wider(ctx: Ctx, a: int | str, b: int | None = 1) -> int: ...  # type: ignore[empty-body]
async def text(ctx: Ctx, a: str, b: int = 1) -> int: ...  # type: ignore[empty-body]
async def bounded(ctx: Ctx, a: int = Field(gt=0), b: int = 1) -> int: ...  # type: ignore[empty-body]
async def any_number(ctx: Ctx, *rest: int) -> int: ...  # type: ignore[empty-body]
async def any_texts(ctx: Ctx, *rest: str) -> int: ...  # type: ignore[empty-body]
async def first_and_rest(ctx: Ctx, a: int = 0, *rest: int) -> int: ...  # type: ignore[empty-body]
async def first_text_and_rest(ctx: Ctx, a: str = "", *rest: int) -> int: ...  # type: ignore[empty-body]
async def any_names(ctx: Ctx, **more: int) -> int: ...  # type: ignore[empty-body]
async def any_names_and_a(ctx: Ctx, *, a: int = 1, **more: int) -> int: ...  # type: ignore[empty-body]
async def any_names_and_text(ctx: Ctx, *, a: str = "", **more: int) -> int: ...  # type: ignore[empty-body]
async def all_names(ctx: Ctx, a: int, **more: int) -> int: ...  # type: ignore[empty-body]
async def untyped(ctx: Any, a: Any, b: Any = 1) -> Any: ...
async def line(ctx: Ctx, a: Line) -> Line: ...  # type: ignore[empty-body]
async def line_with_note(ctx: Ctx, a: LineWithNote) -> LineWithNote: ...  # type: ignore[empty-body]
async def line_with_day(ctx: Ctx, a: LineWithDay) -> Line: ...  # type: ignore[empty-body]
async def loose(ctx: Ctx, a: Loose) -> Line: ...  # type: ignore[empty-body]
async def returns_loose(ctx: Ctx, a: Line) -> Loose: ...  # type: ignore[empty-body]
async def returns_entry(ctx: Ctx, a: Line) -> Entry: ...  # type: ignore[empty-body]
async def optional(ctx: Ctx, a: int, b: int = 1) -> int | None: ...
async def number(ctx: Ctx, a: int, b: int = 1) -> float: ...  # type: ignore[empty-body]
async def anything(ctx: Ctx, a: int, b: int = 1) -> Any: ...
async def red(ctx: Ctx) -> Literal["red"]: ...  # type: ignore[empty-body]
async def red_or_blue(ctx: Ctx) -> Literal["red", "blue"]: ...  # type: ignore[empty-body]


def read(**functions: Callable[..., Any]) -> Any:
    """Return functions as `--schema` writes them and `--schema-diff` reads them."""
    made = Settings.of({"functions": [func(one, name=name) for name, one in functions.items()]})
    return read_functions(write_functions(one.document for one in made.resolved().values()).encode())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (plain, plain, []),
        (plain, longer, ["+"]),
        (plain, demanding, ["'c' was added and is required"]),
        (plain, required, ["'b' is now required"]),
        (plain, shorter, ["'b' was removed"]),
        (plain, swapped, ["Argument 1 was 'a' and is now 'b'", "Argument 2 was 'b'", "'b' is now required"]),
        (plain, inserted, ["Argument 2 was 'b' and is now 'x'"]),
        (plain, by_name, ["'b' can no longer be passed by position"]),
        (by_name, plain, ["+"]),
        (plain, by_place, ["'a' can no longer be passed by name", "'b' can no longer be passed by name"]),
        (by_place, plain, ["+"]),
        (by_place, renamed_places, ["+"]),
        (by_place, shorter, ["'b' was removed"]),
        (plain, wider, ["+"]),
        (wider, plain, ["'a' no longer accepts text", "'b' no longer accepts null"]),
        (plain, text, ["'a' no longer accepts whole numbers"]),
        (plain, untyped, ["+", "Results may now be "]),
        (untyped, plain, ["'a' no longer accepts", "'b' no longer accepts"]),
        (plain, any_number, ["'a' was removed", "'b' was removed"]),
        (renamed_places, any_number, ["+"]),
        (any_number, any_texts, ["'*rest' no longer accepts whole numbers"]),
        (any_number, shorter, ["'*rest' was removed", "'a' was added and is required"]),
        (any_number, first_and_rest, ["+"]),
        (any_number, first_text_and_rest, ["'*rest' no longer accepts whole numbers"]),
        (any_names, any_names_and_a, ["+"]),
        (any_names, any_names_and_text, ["'**more' no longer accepts whole numbers"]),
        (any_names, by_name, ["'a' was added and is required", "'**more' was removed"]),
        (shorter, all_names, ["+"]),
        (all_names, shorter, ["'**more' was removed"]),
        (line, line_with_note, ["+"]),
        (line, line_with_day, ["'a' no longer accepts objects without 'day'"]),
        (line, loose, ["+"]),
        (loose, line, ["'a' at .count no longer accepts text"]),
        (line, returns_loose, ["Results may now have text at .count"]),
        (returns_loose, line, ["+"]),
        (line, returns_entry, ["objects without 'name'", "objects without 'count'"]),
        (plain, optional, ["Results may now be null"]),
        (optional, plain, ["+"]),
        (plain, number, ["numbers with a fraction", "numbers below", "numbers above"]),
        (number, plain, ["+"]),
        (plain, anything, ["Results may now be "]),
        (red, red_or_blue, ["the value 'blue'"]),
        (red_or_blue, red, ["+"]),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_changes_of_a_function(old: Any, new: Any, says: list[str]) -> None:
    found = changes(read(f=old), read(f=new))
    breaking = [one.text for one in found if one.breaks]
    expected = [one for one in says if one != "+"]
    if not expected:
        assert breaking == []
        assert bool(found) is bool(says)
    for each in expected:
        assert any(each in one for one in breaking), breaking
    for one in breaking:
        assert any(each in one for each in expected), one


def test_functions_come_and_go() -> None:
    found = changes(read(a=plain, b=plain), read(b=plain, c=plain))
    assert [(one.function, one.text, one.breaks) for one in found] == [
        ("a", "It was removed.", True),
        ("c", "It is new.", False),
    ]


def test_what_cannot_be_told_counts_as_breaking() -> None:
    before = read(f=text)
    listed = json.loads(write_functions(before.values()))
    listed["functions"][0]["parameters"][0]["schema"]["pattern"] = "^x"
    (change,) = changes(before, read_functions(json.dumps(listed).encode()))
    assert (change.breaks, change.certain) == (True, False)
    assert "may accept less" in change.text


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "{}", '{"functions": {}}', '{"functions": [1]}', '{"functions": [{}]}',
        '{"functions": [{"name": "f", "parameters": 7}]}',
        '{"functions": [{"name": "f", "parameters": [{}]}]}',
        '{"functions": [{"name": "f"', '{"functions": [{"name": "", "parameters": null}]}', "\udcff",
    ],
)  # fmt: skip
def test_a_file_that_is_something_else_is_one_sentence(text: str, tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UnreadableFile, match="make it with"):
        read_functions(file.read_bytes())
    answer = run("--schema-diff", str(file))
    assert answer.exit_code == 1
    assert answer.output.startswith(f"Error: {file}: ")
    assert answer.output.count("\n") == 1


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 7},
        {"anyOf": 3},
        {"properties": []},
        {"minimum": "x"},
        {"enum": 1},
        {"multipleOf": 0},
        {"required": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_schema_that_is_none_does_not_end_the_command(schema: Any) -> None:
    listed = json.loads(write_functions(read(f=shorter).values()))
    listed["functions"][0]["parameters"][0]["schema"] = schema
    hostile = read_functions(json.dumps(listed).encode())
    for pair in ((hostile, read(f=shorter)), (read(f=shorter), hostile)):
        assert isinstance(changes(*pair), list)


def run(*words: str, stdin: bytes | None = None) -> Result:
    # There is no Redis at this address.
    redis = ["--redis", "redis://127.0.0.1:1"]
    return CliRunner().invoke(
        main, ["check", "examples.settings.WorkerSettings", *redis, *words], input=stdin
    )


def test_the_functions_are_written_and_compared_without_redis() -> None:
    written = run("--schema")
    assert written.exit_code == 0
    assert written.output == run("--schema").output
    listed = json.loads(written.output)["functions"]
    names = [one["name"] for one in listed]
    assert names == sorted(names)
    assert "count_words" in names
    again = run("--schema-diff", "-", stdin=written.output.encode())
    assert (again.exit_code, again.output) == (0, "ok: the functions have not changed\n")


def test_the_exit_code_tells_whether_a_change_breaks_callers(tmp_path: Path) -> None:
    document = json.loads(run("--schema").output)
    *rest, last = document["functions"]
    # As a gateway lists them, with members of its own.
    answer = json.dumps(
        {"functions": [{**one, "queues": ["q"], "workers": 1, "versions": 1} for one in rest]}
    )
    mixed = json.dumps({"functions": [{**one, "versions": 2} for one in document["functions"]]})
    assert "several versions that were live: " in run("--schema-diff", "-", stdin=mixed.encode()).stderr
    added = run("--schema-diff", "-", stdin=answer.encode())
    assert added.exit_code == 0
    assert added.output == (
        f"compatible: {last['name']}: It is new.\nok: 1 change, none of which breaks callers\n"
    )
    file = tmp_path / "old.json"
    file.write_text(json.dumps({"functions": [*document["functions"], {**last, "name": "gone"}]}))
    removed = run("--schema-diff", str(file))
    assert removed.exit_code == 1
    assert removed.stdout == "breaks: gone: It was removed.\n"
    assert removed.stderr.startswith("failed: 1 change can break callers")


def test_one_of_both_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text("{}")
    assert run("--schema", "--schema-diff", str(file)).exit_code == 2
    assert run("--schema-diff", str(tmp_path / "none")).exit_code == 2
