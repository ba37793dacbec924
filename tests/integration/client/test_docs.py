"""docs/client.md: its examples run, and its tables are what the code says."""

import ast
import dataclasses
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import jobgate.client
from harness.processes.commands import REPOSITORY, Processes, new_key
from jobgate.client import (
    AbortFilters,
    Client,
    JobFilters,
    JobgateError,
    JobHandle,
    JobInfo,
    JobProgress,
    RetryFilters,
)
from jobgate.client.metrics import FUNCTION_LABELS, metrics_of
from jobgate.client.operate import Operator

DOC = (REPOSITORY / "docs" / "client.md").read_text()
WORDS = len((REPOSITORY / "README.md").read_text().split())
MORE_WORDS = len((REPOSITORY / "CHANGELOG.md").read_text().split())
FIRST, BLOCKING, ENQUEUE, MANY, BAR, BARS, TYPED, JOB, FAILURE, OPERATE, DIRECT = re.findall(
    r"^```python\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL
)


def table(first: str) -> list[list[str]]:
    """Return the rows of the table whose head begins so, cell by cell."""
    (rows,) = re.findall(rf"^\| {re.escape(first)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", DOC, re.MULTILINE)
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in rows.splitlines()]


def codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def options(method: Callable[..., Any]) -> dict[str, Any]:
    """Return the arguments by name of a method, with their defaults."""
    named = inspect.signature(method).parameters.values()
    return {one.name: one.default for one in named if one.kind is one.KEYWORD_ONLY}


@pytest.fixture
def places(processes: Processes, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """What is put in place of the page's addresses, and a key under its variable's name."""
    keys = tmp_path / "keys.toml"
    key = new_key(keys, "docs", "enqueue:*", "read:*", "abort", "operate")
    processes.worker("examples.settings.WorkerSettings", redis_url)
    url = processes.gateway(redis_url, "--keys", str(keys)).url
    return {"http://localhost:8080": url, "redis://localhost:6379": redis_url, "JOBGATE_KEY": key}


async def run(example: str, **names: Any) -> None:
    """Run an example as it would run inside the page's block, with these names."""
    code = compile(example, "docs/client.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    pending = eval(code, names)
    assert (pending is not None) == bool(re.search("await|async for", example))
    if pending is not None:
        await pending


async def test_the_examples_run(
    places: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBGATE_KEY", places["JOBGATE_KEY"])
    url, redis_url = places["http://localhost:8080"], places["redis://localhost:6379"]

    async def printed(example: str, **names: Any) -> str:
        here = example.replace("http://localhost:8080", url).replace("redis://localhost:6379", redis_url)
        await run(here, **names)
        return capsys.readouterr().out

    assert await printed(FIRST) == f"{WORDS}\n"
    assert await printed(BLOCKING) == f"{WORDS}\n10\n"
    async with Client(url, key=places["JOBGATE_KEY"]) as client:
        assert (await printed(ENQUEUE, client=client)).startswith("{'lines': 10, ")
        many = await printed(MANY, client=client)
        assert many == f"[{WORDS}, {MORE_WORDS}]\n{WORDS}\n{MORE_WORDS}\n"
        assert "100%" in await printed(BAR, client=client)
        assert re.search(r"line \d", await printed(BARS, client=client))
        assert await printed(TYPED, client=client) == "True\n"
        assert re.fullmatch(
            r"(queued|in_progress) (None|JobProgress\(.*\))\n[01]\nTrue\n", await printed(JOB, client=client)
        )
        failure = await printed(FAILURE, client=client)
        assert failure.startswith("FileNotFoundError ")
        assert failure.endswith(" error\n")
        failed, aborted, counted, retried, queue = (await printed(OPERATE, client=client)).splitlines()
        assert (failed.split()[0], aborted.split()[0]) == ("count_words", "slow_report")
        assert counted == "BulkCount(matched=1, skipped={}, counted_all=True)"
        assert retried == "1 jobs run again"
        assert queue.startswith("arq:queue ")
    assert await printed(DIRECT, Client=Client) == f"{WORDS}\n"


def test_the_client_takes_these_options() -> None:
    rows = {codes(name)[0]: default for name, default, _ in table("`Client(url, …)`")}
    assert rows.pop("url") == "–"
    assert {name: ast.literal_eval(codes(cell)[0]) for name, cell in rows.items()} == options(Client.__init__)


def test_call_and_enqueue_take_these_options() -> None:
    rows = table("option")
    for column, method in ((1, Client.call), (2, Client.enqueue)):
        assert {row[column] for row in rows} == {"yes", "–"}
        told = {codes(row[0])[0] for row in rows if row[column] == "yes"}
        assert told == options(method).keys()


def test_a_caller_takes_the_same_options_without_the_mark() -> None:
    marked = options(Client.call) | options(Client.enqueue)
    assert options(Client.with_options).keys() == {name.removeprefix("_") for name in marked}


def is_awaited(member: Any) -> bool:
    return inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member)


def test_operators_have_these_methods_and_filters() -> None:
    told = {
        re.sub(r"(?:await|async for job in) (\w+).*", r"\1", code)
        for row in table("method")
        for code in codes(row[0])
    }
    assert told == {name for name in vars(Operator) if not name.startswith("_")}
    columns = {1: JobFilters, 2: RetryFilters, 3: AbortFilters}
    for column, filters in columns.items():
        listed = {code for row in table("filter") if row[column] == "yes" for code in codes(row[0])}
        assert listed == set(filters.__annotations__)


def test_a_handle_has_these_methods() -> None:
    told = {
        re.sub(r"(?:await|async for event in) (\w+).*", r"\1", code)
        for row in table("`JobHandle`")
        for code in codes(row[0])
    }
    handle = vars(JobHandle)
    is_async = {name for name in handle if is_awaited(handle[name])}
    methods = {name for name in is_async if not name.startswith("_")}
    assert told == methods | {"id", "queue"}
    with_timeout = {name for name in methods if "timeout" in inspect.signature(handle[name]).parameters}
    assert {f"await {name}(timeout)" for name in with_timeout} <= {
        code for row in table("`JobHandle`") for code in codes(row[0])
    }


def test_what_is_known_of_a_job() -> None:
    (sentence,) = re.findall(r"A `JobInfo` has (.*?);", DOC, re.DOTALL)
    assert codes(sentence) == [field.name for field in dataclasses.fields(JobInfo)]
    (progress,) = [row[1] for row in table("`JobHandle`") if "progress" in row[0]]
    assert codes(progress)[:3] == [field.name for field in dataclasses.fields(JobProgress)]


def test_the_errors() -> None:
    exported = {name: getattr(jobgate.client, name) for name in jobgate.client.__all__}
    errors = {
        name: kind
        for name, kind in exported.items()
        if isinstance(kind, type) and issubclass(kind, JobgateError) and kind is not JobgateError
    }
    rows = {codes(row[0])[0]: row for row in table("error")}
    assert rows.keys() == errors.keys()
    for name, (_, bases, outcome, _) in rows.items():
        assert codes(bases) == [base.__name__ for base in errors[name].__bases__], name
        assert codes(outcome) == [errors[name].outcome], name


def test_the_metrics() -> None:
    registry = CollectorRegistry()
    metrics_of(registry)
    kinds = {"counter": "_total", "histogram": ""}
    assert [row[:1] for row in table("metric")] == [
        [f"`{metric.name}{kinds[metric.type]}`"] for metric in registry.collect()
    ]
    assert f"first {FUNCTION_LABELS} functions" in DOC
