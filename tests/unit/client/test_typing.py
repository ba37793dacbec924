"""Type checkers know the arguments and the result of a call of the function itself."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.hints.type_checkers import MYPY, complaints

SAMPLE = """
import enum
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple, TypedDict, assert_type

from pydantic import BaseModel

from jobgate.client import (
    BlockingCaller, BlockingClient, BlockingJobHandle, Call, Caller, Client, JobgateError, JobHandle, stub,
)
from jobgate.worker import func


Ctx = dict[str, Any]


class Report(BaseModel):
    id: int


class Entry(TypedDict):
    id: int


class Pair(NamedTuple):
    a: int


@dataclass
class Point:
    x: int


class Colour(enum.Enum):
    RED = "red"


async def add(ctx: Ctx, a: int, b: int = 1, *, loud: bool = False) -> int: raise NotImplementedError
async def report(ctx: dict[str, Any], day: date) -> Report: raise NotImplementedError
async def nothing(ctx: dict[str, Any]) -> None: raise NotImplementedError
async def perhaps(ctx: dict[str, Any], a: int) -> int | None: raise NotImplementedError
async def several(ctx: dict[str, Any], *names: str) -> list[str]: raise NotImplementedError
async def open_ended(ctx: dict[str, Any], /, *names: str, **more: int) -> set[int]: raise NotImplementedError
async def anything(ctx: dict[str, Any]) -> Any: raise NotImplementedError
def plain(ctx: dict[str, Any], a: int) -> str: raise NotImplementedError
def plain_model(ctx: object) -> Report | None: raise NotImplementedError
def plain_entry(ctx: object) -> Entry: raise NotImplementedError
def plain_pair(ctx: object) -> Pair: raise NotImplementedError
def plain_points(ctx: object) -> dict[str, list[Point]]: raise NotImplementedError
def plain_point(ctx: object) -> Point: raise NotImplementedError
def plain_literal(ctx: object) -> Literal["a", 1]: raise NotImplementedError
def plain_colour(ctx: object) -> Colour: raise NotImplementedError
def plain_nothing(ctx: object) -> None: raise NotImplementedError
def without_ctx() -> int: raise NotImplementedError


@stub("far.away")
async def far(a: int, *, b: str = "") -> list[int]: raise NotImplementedError


class Reports:
    async def monthly(self, ctx: object, month: int) -> Report: raise NotImplementedError


async def right(client: Client, caller: Caller) -> None:
    assert_type(await client.call(add, 1, 2), int)
    assert_type(await client.call(add, 1, b=2, loud=True), int)
    assert_type(await caller.call(report, date.today()), Report)
    await client.call(nothing)
    assert_type(await client.call(perhaps, 1), int | None)
    assert_type(await client.call(several, "a", "b"), list[str])
    assert_type(await client.call(open_ended, "a", b=1), set[int])
    assert_type(await client.call(anything), Any)
    assert_type(await client.call(plain, 1), str)
    assert_type(await client.call(plain_model), Report | None)
    assert_type(await client.call(plain_entry), Entry)
    assert_type(await client.call(plain_pair), Pair)
    assert_type(await client.call(plain_points), dict[str, list[Point]])
    assert_type(await client.call(plain_point), Point)
    assert_type(await client.call(plain_literal), Literal["a", 1])
    assert_type(await client.call(plain_colour), Colour)
    await client.call(plain_nothing)
    assert_type(await client.call(Reports().monthly, 1), Report)
    assert_type(await client.call(far, 1, b="x"), list[int])
    assert_type(await client.with_options(timeout=5, queue="q").call(add, 1), int)
    job = await client.with_options(defer_by=5).enqueue(report, date.today())
    assert_type(job, JobHandle[Report])
    assert_type(await job.result(timeout=5), Report)
    assert_type(await (await client.enqueue(plain, 1)).result(), str)


async def right_stubs(client: Client, caller: Caller) -> None:
    assert_type(await far(client, 1, b="x"), list[int])
    job = await far.enqueue(caller, 1)
    assert_type(job, JobHandle[list[int]])
    assert_type(await (await client.enqueue(far, 1)).result(), list[int])


def right_blocking(client: BlockingClient, caller: BlockingCaller) -> None:
    assert_type(client.call(add, 1, b=2, loud=True), int)
    assert_type(caller.call(report, date.today()), Report)
    client.call(nothing)
    assert_type(client.call(perhaps, 1), int | None)
    assert_type(client.call(open_ended, "a", b=1), set[int])
    assert_type(client.call(anything), Any)
    assert_type(client.call(plain, 1), str)
    assert_type(client.call(plain_points), dict[str, list[Point]])
    client.call(plain_nothing)
    assert_type(client.call(Reports().monthly, 1), Report)
    assert_type(client.call(far, 1, b="x"), list[int])
    assert_type(far(client, 1, b="x"), list[int])
    assert_type(far.enqueue(caller, 1), BlockingJobHandle[list[int]])
    assert_type(client.with_options(timeout=5, queue="q").call(add, 1), int)
    job = client.with_options(defer_by=5).enqueue(report, date.today())
    assert_type(job, BlockingJobHandle[Report])
    assert_type(job.result(timeout=5), Report)
    assert_type(client.enqueue(plain, 1).result(), str)
    assert_type(client.call("add", 1, 2, _timeout=5), Any)
    named: BlockingJobHandle = client.enqueue("add", 1, _defer_by=5)
    assert_type(named.result(), Any)
    assert_type(client.job("a"), BlockingJobHandle[Any])
    wider: BlockingJobHandle[object] = client.enqueue(add, 1)
    jobs = client.enqueue_many([Call(add, 1), Call(add, 2, b=3)])
    assert_type([job.result() for job in jobs], list[int])
    found = client.enqueue_many([Call(far, 1)], return_exceptions=True)
    assert_type(next(found), BlockingJobHandle[list[int]] | JobgateError)
    assert_type(list(client.map(add, [1, 2], concurrency=2)), list[int])
    assert_type(next(client.map(far, [1])), list[int])
    assert_type(next(client.map(plain, [1], return_exceptions=True)), str | JobgateError)
    assert_type(next(client.map("add", [1])), Any)


async def by_name(client: Client) -> None:
    assert_type(await client.call("add", 1, 2, _timeout=5), Any)
    assert_type(await client.call(func(add, name="sum"), 1, _timeout=5), Any)
    job: JobHandle = await client.enqueue("add", 1, _defer_by=5)
    assert_type(await job.result(), Any)
    assert_type(client.job("a"), JobHandle[Any])
    wider: JobHandle[object] = await client.enqueue(add, 1)


async def many(client: Client) -> None:
    jobs = client.enqueue_many([Call(add, 1), Call(add, 2, b=3)])
    assert_type([job async for job in jobs], list[JobHandle[int]])
    calls = (Call(far, 1).with_options(job_id="a") for _ in "ab")
    assert_type(await anext(client.enqueue_many(calls)), JobHandle[list[int]])
    assert_type(await anext(client.enqueue_many([Call(plain, 1)])), JobHandle[str])
    assert_type(await anext(client.enqueue_many([Call("add", 1, _job_id="a")])), JobHandle[Any])
    found = client.enqueue_many([Call(add, 1)], return_exceptions=True)
    assert_type(await anext(found), JobHandle[int] | JobgateError)
    assert_type([n async for n in client.map(add, [1, 2], concurrency=2)], list[int])
    assert_type(await anext(client.map(far, [1])), list[int])
    assert_type(await anext(client.map(plain, [1], ordered=False)), str)
    assert_type(await anext(client.map(add, [1], return_exceptions=True)), int | JobgateError)
    assert_type(await anext(client.map("add", [1])), Any)


async def wrong(client: Client) -> None:
    Call(add, "1")  # WRONG
    Call("add", _max_tries="1")  # WRONG
    Call(add, 1).with_options(jobid="a")  # WRONG
    client.map(add, ["1"])  # WRONG
    client.map(plain, ["1"])  # WRONG
    client.enqueue_many([add])  # WRONG
    await client.call(add, "1", 2)  # WRONG
    await client.call(add)  # WRONG
    await client.call(add, 1, 2, 3)  # WRONG
    await client.call(add, 1, c=2)  # WRONG
    await client.call(add, 1, loud=1)  # WRONG
    await client.call(report, "2024-05-06")  # WRONG
    await client.call(plain, "1")  # WRONG
    await client.call(nothing, 1)  # WRONG
    await client.call(several, "a", 1)  # WRONG
    await client.call(far, "1", b="x")  # WRONG
    await client.call(without_ctx)  # WRONG
    await client.call(7)  # WRONG
    await client.call(add, 1, _timeout=5)  # WRONG
    await client.call("add", _timeout="soon")  # WRONG
    await client.enqueue(add, "1")  # WRONG
    await client.with_options(timeout=5).enqueue(plain)  # WRONG
    client.with_options(timeot=5)  # WRONG
    text: str = await client.call(add, 1)  # WRONG
    total: str = await (await client.enqueue(add, 1)).result()  # WRONG
    (await client.call(report, date.today())).nope  # WRONG
    handle: JobHandle[str] = await client.enqueue(add, 1)  # WRONG
    await client.call(far)  # WRONG
    await far(client, "1")  # WRONG
    await far(client, b="x")  # WRONG
    await far.enqueue(client, 1, b=2)  # WRONG
    number: int = await far(client, 1)  # WRONG


def wrong_blocking(client: BlockingClient) -> None:
    client.call(add, "1", 2)  # WRONG
    client.call(add)  # WRONG
    client.call(add, 1, _timeout=5)  # WRONG
    client.call("add", _timeout="soon")  # WRONG
    client.call(far, "1", b="x")  # WRONG
    client.enqueue(add, "1")  # WRONG
    client.with_options(timeot=5)  # WRONG
    far(client, "1")  # WRONG
    far(client)  # WRONG
    far.enqueue(client, 1, b=2)  # WRONG
    text: str = client.call(add, 1)  # WRONG
    total: str = client.enqueue(add, 1).result()  # WRONG
    number: int = far(client, 1)  # WRONG
    handle: BlockingJobHandle[str] = client.enqueue(add, 1)  # WRONG
    client.map(add, ["1"])  # WRONG
    client.enqueue_many([add])  # WRONG
"""


def mypy(sample: Path) -> Iterator[int]:
    """Yield the line of each error."""
    out = subprocess.run([*MYPY, sample], capture_output=True, text=True, check=False).stdout
    for line in re.findall(rf"^(?:.*/)?{sample.name}:(\d+): error: ", out, re.MULTILINE):
        yield int(line)


def pyright(sample: Path) -> Iterator[int]:
    """Yield the line of each error."""
    return (line for _, line, severity in complaints(sample.parent) if severity == "error")


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_wrong_calls_are_errors_and_right_ones_are_not(
    checker: Callable[[Path], Iterator[int]], tmp_path: Path
) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(SAMPLE)
    lines = SAMPLE.splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if "# WRONG" in line}
    assert len(wrong) == 48
    assert {lines[number - 1] for number in wrong ^ set(checker(sample))} == set()
