"""Type checkers find no fault with generated modules, and know what their functions take and return."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.functions.many_functions import many
from harness.hints.type_checkers import MYPY, complaints
from interop.typed_functions import WorkerSettings
from jobgate.cli.stubs import functions_of, write_module
from jobgate.client.http.operation_answers import read_function
from jobgate.worker import Settings

USE = """
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, assert_type
from uuid import uuid4

import forms
import shop

from jobgate.client import BlockingClient, BlockingJobHandle, Client, JobHandle


async def right(client: Client) -> None:
    line: shop.Line = {"sku": "a", "price": Decimal(1)}
    order: shop.Order = {"id": uuid4(), "lines": [line], "placed": datetime.now(UTC), "tags": {"new"}}
    receipt = await shop.place_order(client, order, {"kind": "card", "number": "1"}, limits={"a": 3})
    assert_type(receipt, shop.Receipt)
    assert_type(receipt["order"], shop.OrderOutput)
    assert_type(receipt["order"]["placed"], str)
    if receipt["paid_by"]["kind"] == "invoice":
        assert_type(receipt["paid_by"]["days"], int)
    assert_type(await shop.count_words.enqueue(client, "a"), JobHandle[int])
    assert_type(await client.call(shop.count_words, "a"), int)
    assert_type(await client.enqueue(shop.hash_file, "a", algorithm="md5"), JobHandle[str])
    assert_type(await forms.add(client, 1), int)
    assert_type(await forms.pack(client, 1, c=True), list[int | str])
    assert_type(await forms.join(client, ",", "a", "b", more=1), str)
    assert_type(await forms.unknown(client, 1, a=2), Any)
    tree: forms.Tree = {"value": 1, "children": [{"value": 2, "children": [], "parent": None}]}
    assert_type(await forms.grow(client, tree), forms.Tree)
    await forms.ping(client)


def right_blocking(client: BlockingClient) -> None:
    order: shop.Order = {"id": uuid4(), "lines": [], "placed": datetime.now(UTC)}
    assert_type(shop.place_order(client, order, {"kind": "card", "number": "1"}), shop.Receipt)
    assert_type(shop.count_words(client.with_options(timeout=5), "a"), int)
    assert_type(shop.hash_file.enqueue(client, "a", algorithm="md5"), BlockingJobHandle[str])
    assert_type(client.call(shop.count_words, "a"), int)
    assert_type(client.enqueue(shop.hash_file, "a").result(), str)
    assert_type(forms.join(client, ",", "a", "b", more=1), str)
    assert_type(forms.unknown(client, 1, a=2), Any)
    forms.ping(client)


async def wrong(client: Client) -> None:
    await shop.count_words(client, 7)  # WRONG
    await shop.count_words(client)  # WRONG
    await shop.count_words(client, "a", "b")  # WRONG
    await shop.count_words(client, path="a", lang="de")  # WRONG
    await shop.count_words("a")  # WRONG
    await shop.place_order(client, {"id": "1"}, {"kind": "card", "number": "1"})  # WRONG
    await forms.pack(client, 1, b="x", c=True)  # WRONG
    await forms.join(client, ",", 1)  # WRONG
    await forms.grow(client, {"value": 1, "children": [{"value": "2", "children": []}]})  # WRONG
    text: str = await shop.count_words(client, "a")  # WRONG
    number: int = await (await shop.hash_file.enqueue(client, "a")).result()  # WRONG


def wrong_blocking(client: BlockingClient) -> None:
    shop.count_words(client, 7)  # WRONG
    shop.count_words(client)  # WRONG
    shop.count_words(client, path="a", lang="de")  # WRONG
    client.call(shop.count_words, 7)  # WRONG
    forms.pack(client, 1, b="x", c=True)  # WRONG
    text: str = shop.count_words(client, "a")  # WRONG
    number: int = shop.hash_file.enqueue(client, "a").result()  # WRONG
"""


def mypy(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the file and line of each error."""
    words = [*MYPY, "use.py", "shop.py", "forms.py"]
    out = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False).stdout
    assert "Found" in out, out
    for file, line in re.findall(r"^(\w+\.py):(\d+): error: ", out, re.MULTILINE):
        yield file, int(line)


def pyright(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the file and line of each error and warning."""
    return ((file, line) for file, line, _ in complaints(folder))


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_checkers(checker: Callable[[Path], Iterator[tuple[str, int]]], tmp_path: Path) -> None:
    documents = {
        "shop": [one.document for one in Settings.of(WorkerSettings).resolved().values()],
        "forms": many(40),
    }
    for name, functions in documents.items():
        live = {"queues": ["arq:queue"], "workers": 1, "versions": 1}
        listed = [read_function({**one.as_json(), **live}) for one in functions]
        module = write_module(functions_of(listed), "http://127.0.0.1:8080", f"{name}.py")
        (tmp_path / f"{name}.py").write_text(module)
    (tmp_path / "use.py").write_text(USE)
    lines = enumerate(USE.splitlines(), 1)
    wrong = {("use.py", number) for number, line in lines if "# WRONG" in line}
    assert set(checker(tmp_path)) == wrong
