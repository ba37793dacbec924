"""docs/arq-api.md is right about both sides: arq 0.28's own signatures, and jobgate's."""

import ast
import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.arq.stock import INTEROP, ask_arq
from interop.api_shape import Shape, named, shape_of
from jobgate.arq import ArqRedis, RedisSettings, Worker, cron, func
from jobgate.cli.main import main

DOC = Path(__file__).resolve().parents[2] / "docs" / "arq-api.md"
#: Where jobgate keeps a name as a command, or an option in two places.
PLACES = {
    "jobgate worker": ["jobgate.cli.commands.run.worker.command"],
    "jobgate.arq.worker.Worker": ["jobgate.worker.Settings", "jobgate.arq.worker.Worker"],
}


def tables() -> dict[str, list[list[str]]]:
    """Return the rows below each heading, cell by cell, without the head of the table."""
    parts = re.split(r"^## ", DOC.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for part in parts:
        lines = [line for line in part.splitlines() if line.startswith("| ")][1:]
        found[part.splitlines()[0]] = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return found


TABLES = tables()
#: Heading of each table of options -> its rows.
OPTIONS = {name.strip("`"): rows for name, rows in TABLES.items() if name.startswith("`")}


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


#: arq's name -> jobgate's, "" where it has none.
NAMES = {codes(theirs)[0]: "".join(codes(ours)) for theirs, ours, _ in TABLES["Names"]}
INNER = {codes(name)[0] for name, _ in TABLES["What only arq's `Worker` has"]}


@pytest.fixture(scope="module")
def arq() -> Any:
    return ask_arq(INTEROP / "api_shape.py", [name for name, ours in NAMES.items() if ours])


def ours(path: str) -> Shape:
    shape: Shape = {}
    for place in PLACES.get(path, [path]):
        shape |= shape_of(named(place))
    return shape


def theirs(arq: Any, path: str) -> dict[str, list[Any]]:
    """arq's shape, without the steps of its worker's loop."""
    rows: dict[str, list[Any]] = arq["shapes"][path]
    return {key: row for key, row in rows.items() if f"{path}.{key.partition('(')[0]}" not in INNER}


def is_same(one: str | None, other: str | None) -> bool:
    """Whether two defaults are the same value, 300 and 300.0 too."""
    if one is None or other is None:
        return one is other
    values = [ast.literal_eval(text) for text in (one, other)]
    return bool(values[0] == values[1] and len({isinstance(value, bool) for value in values}) == 1)


def told(cell: str) -> str | None:
    """The default that a cell tells."""
    return None if cell == "–" else "".join(codes(cell))


def test_every_name_of_arq_is_told(arq: Any) -> None:
    told_names = [name for row in TABLES["Names"] for name in codes(row[0])]
    assert sorted(told_names) == arq["names"]
    pairs = {(other, codes(row[0])[0]) for row in TABLES["Names"] for other in codes(row[0])[1:]}
    assert pairs == set(arq["aliases"].items())


def test_every_name_is_there_or_what_takes_its_place_is_told() -> None:
    for name, path, difference in TABLES["Names"]:
        if path == "–":
            assert difference, f"{name} has neither a name in jobgate nor an explanation"
        elif codes(path)[0] not in PLACES:
            module, _, last = codes(path)[0].rpartition(".")
            assert last in importlib.import_module(module).__all__
    inside = {codes(name)[0].rpartition(".")[2] for name, _ in TABLES["What only arq's `Worker` has"]}
    assert [name for name in inside if hasattr(Worker, name)] == []


def test_every_call_has_a_table(arq: Any) -> None:
    assert set(OPTIONS) == {name for name, rows in arq["shapes"].items() if rows}.difference(
        {"arq.cron.CronJob"}
    )


@pytest.mark.parametrize("path", OPTIONS)
def test_a_table_tells_what_arq_has(arq: Any, path: str) -> None:
    rows = {codes(row[0])[0]: told(row[1]) for row in OPTIONS[path]}
    assert rows == {key: default for key, (default, _) in theirs(arq, path).items()}


@pytest.mark.parametrize("path", OPTIONS)
def test_a_table_tells_what_jobgate_has(path: str) -> None:
    shape = ours(NAMES[path])
    for option, _, default, difference in OPTIONS[path]:
        key = codes(option)[0]
        if key in shape:
            assert told(default) == shape[key][0], f"{path}: {key}"
        else:
            assert_is_elsewhere(path, key, difference)


def assert_is_elsewhere(path: str, key: str, difference: str) -> None:
    """What is no argument and no method: an attribute of workers, and an option of the whole command."""
    if path == "arq.worker.Worker":
        assert hasattr(Worker([assert_is_elsewhere]), key)
    else:
        assert path == "arq.cli.cli", f"jobgate lacks {key} of {path}"
        assert f"jobgate {key}" in codes(difference)
        assert any(key in parameter.opts for parameter in main.params)


@pytest.mark.parametrize("path", OPTIONS)
def test_each_difference_is_explained(arq: Any, path: str) -> None:
    explained = {codes(row[0])[0] for row in OPTIONS[path] if row[3]}
    assert [key for key in differences(theirs(arq, path), ours(NAMES[path])) if key not in explained] == []


def differences(arqs: Mapping[str, Sequence[Any]], ours: Shape) -> list[str]:
    """Return what has another default, must be passed in another way, or is not there."""
    return [
        key
        for key, (default, how) in arqs.items()
        if key not in ours or not is_same(default, ours[key][0]) or how != ours[key][1]
    ]


def test_a_difference_is_seen() -> None:
    arqs: dict[str, list[Any]] = {
        "a": ["300", "at 0"],
        "b": ["False", "by name"],
        "c": ["1", "at 1"],
        "d": [None, "at 2"],
    }
    same: Shape = {"a": ("300.0", "at 0"), "b": ("False", "by name"), "c": ("1", "at 1"), "d": (None, "at 2")}
    assert differences(arqs, same) == []
    other: Shape = {"a": ("301", "at 0"), "b": ("0", "by name"), "c": ("1", "by name")}
    assert differences(arqs, other) == ["a", "b", "c", "d"]


def test_exceptions_are_caught_as_arqs_are(arq: Any) -> None:
    errors = ["FailedJobs", "JobExecutionFailed", "Retry", "RetryJob"]
    errors = [f"arq.worker.{name}" for name in errors]
    errors += [
        f"arq.jobs.{name}" for name in ("DeserializationError", "ResultNotFound", "SerializationError")
    ]
    assert set(errors) < set(arq["names"])
    for name in errors:
        assert issubclass(named(NAMES[name]), RuntimeError), name
    assert issubclass(
        named("jobgate.arq.jobs.DeserializationError"), named("jobgate.arq.jobs.SerializationError")
    )


async def job(ctx: dict[str, Any]) -> None:
    """Do nothing."""


def test_arqs_own_defaults_can_be_given() -> None:
    """Who states a default of arq's, None for example, is understood."""
    given = {path: {codes(row[0])[0]: told(row[1]) for row in rows} for path, rows in OPTIONS.items()}
    options = {
        path: {name: ast.literal_eval(text) for name, text in rows.items() if text and "(" not in name}
        for path, rows in given.items()
    }
    worker = Worker(**options["arq.worker.Worker"] | {"functions": [job]})
    assert worker.settings.queue == "arq:queue"
    assert func(job, **options["arq.worker.func"]).name == "job"
    assert cron(job, **options["arq.cron.cron"]).name == "cron:job"
    assert RedisSettings(**options["arq.connections.RedisSettings"]).address == "redis://localhost:6379/0"
    assert ArqRedis(**options["arq.connections.ArqRedis"]).default_queue_name == "arq:queue"


def test_workers_show_what_arqs_users_look_at() -> None:
    ctx = {"of the user": 1}
    worker = Worker([job], ctx=ctx)
    assert worker.ctx is ctx
    assert (worker.jobs_complete, worker.jobs_failed, worker.jobs_retried) == (0, 0, 0)
