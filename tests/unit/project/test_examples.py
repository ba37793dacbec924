"""The example functions, run without a worker; tests/integration/client/test_examples.py runs the callers."""

import asyncio
import hashlib
import os
import subprocess
import sysconfig
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from examples import functions, shop
from examples.settings import WorkerSettings
from harness.tools import require_tool
from jobgate.worker import ProgressReporter, Retry, Settings

REPORTS: list[tuple[float, str | None]] = []
CTX: dict[str, Any] = {"job_try": 1, "progress": ProgressReporter(lambda *said: REPORTS.append(said))}

TEXTS = {
    "plain": b"one two\tthree\n\nfour\r\nfive\x0bsix\x0cseven",
    "empty": b"",
    "spaces": b" \n\t ",
    "umlauts": "für Ærø – naïve".encode(),
    "dashes": "a — b – c · d".encode(),
    "wide-spaces": "a\u2003b\u3000c".encode(),
    "no-break-space": "a\u00a0b\u202fc".encode(),
    "zero-width": "a\u200bb".encode(),
    "controls": b"a\x01b \x02 c\x1cd",
    "broken-utf-8": b"a\xffb \xfe c\xc3",
    "latin-1": "für Ærø".encode("latin-1"),
    "no-newline-at-the-end": b"a b",
    "long-line": b"word " * 100_000,
}


def wc(paths: list[Path]) -> list[int]:
    """Count with the real `wc -w`, in the locale that the example promises."""
    words = [require_tool("wc"), "-w", *map(str, paths)]
    out = subprocess.check_output(words, env={**os.environ, "LC_ALL": "C.UTF-8"}, text=True)
    return [int(line.split()[0]) for line in out.splitlines()[: len(paths)]]


async def test_count_words_counts_what_wc_counts(tmp_path: Path) -> None:
    paths = []
    for name, text in TEXTS.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(text)
    counted = [await functions.count_words(CTX, str(path)) for path in paths]
    # Later releases of wc take bytes that are no characters for words: only those two may differ.
    vague = {"controls", "broken-utf-8", "latin-1"}
    sure = [index for index, name in enumerate(TEXTS) if name not in vague]
    expected = wc(paths)
    assert [counted[index] for index in sure] == [expected[index] for index in sure]
    assert dict(zip(TEXTS, counted, strict=True))["broken-utf-8"] == 2


def test_count_words_counts_real_source_code_as_wc_does() -> None:
    paths = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    assert len(paths) > 100
    assert [asyncio.run(functions.count_words(CTX, str(path))) for path in paths] == wc(paths)


async def test_count_words_of_a_missing_file_fails() -> None:
    with pytest.raises(FileNotFoundError):
        await functions.count_words(CTX, "/no/such/file")


async def test_fetch_measures_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(status=201, body=b"x" * 5000)

    app = web.Application()
    app.router.add_get("/", page)
    async with TestServer(app) as server:
        got = await functions.fetch(CTX, str(server.make_url("/")))
        assert (got["status"], got["bytes"]) == (201, 5000)
        assert 0 < got["seconds"] < 30
        monkeypatch.setattr(functions, "FETCH_LIMIT", 4999)
        with pytest.raises(ValueError, match="more than 4999 bytes"):
            await functions.fetch(CTX, str(server.make_url("/")))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/", "", "/etc/passwd"])
async def test_fetch_takes_only_http(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        await functions.fetch(CTX, url)


@pytest.mark.parametrize("kind", ["png", "jpg"])
async def test_thumbnail_writes_a_small_copy(tmp_path: Path, kind: str) -> None:
    picture = tmp_path / f"picture.{kind}"
    Image.new("RGB", (400, 200), "red").save(picture)
    beside = await functions.thumbnail(CTX, str(picture), 100)
    assert beside == {"path": str(tmp_path / f"picture-100.{kind}"), "width": 100, "height": 50}
    (tmp_path / "small").mkdir()
    elsewhere = await functions.thumbnail(CTX, str(picture), folder=str(tmp_path / "small"))
    with Image.open(elsewhere["path"]) as copy:
        assert copy.size == (128, 64)
    with pytest.raises(ValueError, match="pixel"):
        await functions.thumbnail(CTX, str(picture), 0)


async def test_hash_file_hashes_in_slices_and_tells_how_far_it_is(tmp_path: Path) -> None:
    REPORTS.clear()
    content = os.urandom(3 * functions.SLICE + 17)
    path = tmp_path / "large"
    path.write_bytes(content)
    assert await functions.hash_file(CTX, str(path)) == hashlib.sha256(content).hexdigest()
    assert len(REPORTS) == 4
    assert REPORTS[-1] == (1.0, "3,145,745 of 3,145,745 bytes")
    assert await functions.hash_file(CTX, str(path), "blake2b") == hashlib.blake2b(content).hexdigest()
    path.write_bytes(b"")
    assert await functions.hash_file(CTX, str(path)) == hashlib.sha256().hexdigest()
    for wrong in ("rot13", "shake_128"):
        with pytest.raises(ValueError, match="algorithm"):
            await functions.hash_file(CTX, str(path), wrong)


async def test_slow_report_takes_its_time_and_stops_when_told() -> None:
    got = await functions.slow_report(CTX, 0.25)
    assert got["lines"] == 3
    assert 0.24 < got["seconds"] < 30
    report = asyncio.create_task(functions.slow_report(CTX, 60))
    await asyncio.sleep(0)
    report.cancel()
    with pytest.raises(asyncio.CancelledError):
        await report


async def test_flaky_succeeds_at_the_try_that_it_was_told() -> None:
    with pytest.raises(Retry):
        await functions.flaky({"job_try": 2}, 3)
    assert await functions.flaky({"job_try": 3}, 3) == 3


def test_the_worker_takes_the_settings() -> None:
    settings = Settings.of(WorkerSettings)
    names = {function.name for function in settings.functions}
    of_files = {"count_words", "fetch", "flaky", "hash_file", "noop", "slow_report", "thumbnail"}
    assert names == of_files | {"convert_prices", "make_invoice"}


async def test_a_bill_has_a_total_and_a_day() -> None:
    customer = shop.Customer(name="Ada", language=shop.Language.GERMAN)
    positions = [shop.Position(article="pen", count=3, price=Decimal("1.50"))]
    bill = await shop.make_invoice(CTX, customer, positions, datetime(2026, 1, 2, tzinfo=UTC), days=10)
    assert (bill.title, bill.total, bill.due) == ("Rechnung", Decimal("4.50"), date(2026, 1, 12))


async def test_prices_are_converted_and_rounded() -> None:
    prices = {"pen": Decimal("1.50"), "ink": Decimal("0.99")}
    assert await shop.convert_prices(CTX, prices) == {"pen": Decimal("1.62"), "ink": Decimal("1.07")}
    assert await shop.convert_prices(CTX, prices, "EUR") == prices
