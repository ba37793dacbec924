"""The dashboard's pages of cron jobs, and of how long functions run, in a real Chromium."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from harness.browser.chromium import Page, open_page, start_browser
from harness.hostile.texts import HOSTILE_TEXTS
from harness.processes.commands import Processes
from harness.systems.cron_workers import QUEUE, announce_cron, daily
from harness.systems.gateways import RunningGateway, running_gateway
from harness.systems.workers import working
from jobgate.broker import Broker, CronRun, FunctionTimes, Timetable
from jobgate.gateway import new_key
from jobgate.worker import cron

pytestmark = pytest.mark.early
FAILED = CronRun(
    job_id="gone", due_ms=1_700_000_000_000, start_ms=1, finish_ms=1, ending="failed", error="Lost: the tape"
)
ROWS = "document.querySelectorAll('.schedules tbody tr')"
BUTTONS = "[...document.querySelectorAll('.schedules button')]"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("browser")
    processes = Processes(folder)
    try:
        yield start_browser(processes, folder / "profile")
    finally:
        processes.end_all()


@pytest.fixture
async def page(browser: str) -> AsyncIterator[Page]:
    """A page; at the end, nothing that it did may have been an error or against its policy."""
    async with open_page(browser) as opened:
        yield opened
        assert opened.complaints == []


async def shown(page: Page, gateway: RunningGateway, text: str, **window: Any) -> None:
    await page.open("about:blank")
    await page.open(f"{gateway.url}/#/schedules", **window)
    await page.until(f"document.querySelector('main')?.innerText.includes({json.dumps(text)})")


async def test_whether_a_function_is_slower_than_usual(page: Page, redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway, Broker(redis_url) as broker:
        await announce_cron(broker, daily(), function="mail", name="w")
        await page.open(f"{gateway.url}/#/functions/mail")
        await page.until("document.querySelector('.times').innerText.includes('No worker has run it')")
        one = (0,) * 5
        slow = FunctionTimes(run=(*one, 0, 0, 20, *(0,) * 14), wait=(20, *(0,) * 21))
        usual = FunctionTimes(run=(*one, 40, 0, 0, *(0,) * 14), wait=(40, *(0,) * 21))
        await broker.add_times({"mail": usual})
        with redis.Redis.from_url(redis_url) as client:
            (key,) = client.keys("*:function-times:*")
            window = int(key.rpartition(b":")[2])
            client.rename(key, f"arq:queue:function-times:{window - 20}")
        await broker.add_times({"mail": slow})
        verdict = "Slower than usual: half of the runs take 0.1"
        await page.until(f"document.querySelector('.times').innerText.includes('{verdict}')")
        labels = await page.run("[...document.querySelectorAll('.times svg')].map((one) => one.ariaLabel)")
        assert labels == [
            "20 runs in the last hour: 20 up to 0.25 s",
            "20 runs in the last hour: 20 up to 0.001 s",
        ]
        facts = await page.text(".times .facts")
        assert "usually 0.03" in facts


async def backup(ctx: object) -> str:
    """Copy the database."""
    return "copied"


async def test_what_runs_tonight_and_how_it_ended_last(page: Page, redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway, Broker(redis_url) as broker:
        await shown(page, gateway, "No live worker has cron jobs. Add some")
        often = daily(timetable=Timetable.of(minute=None))
        await announce_cron(broker, daily(), often, function="cron:backup", description="Copy the database.")
        await broker.note_cron_run(QUEUE, "cron:backup", FAILED)
        await page.until(f"{ROWS}.length === 2")
        assert await page.text("main .note") == "2 cron jobs, 2 of them in the next 24 hours"
        rows = await page.run(f"[...{ROWS}].map((one) => one.innerText)")
        assert "every minute" in rows[0]
        assert "every day at 03:00" in rows[1]
        assert "missed" in rows[1]
        lanes = await page.run(
            "[...document.querySelectorAll('.lane svg')].map((one) => one.getAttribute('aria-label'))"
        )
        assert lanes[0].startswith("50 runs or more, from ")
        assert lanes[1].startswith("1 run in the next 24 hours: ")
        titles = await page.run("[...document.querySelectorAll('.runs .state')].map((one) => one.ariaLabel)")
        assert "failed, ran 0 s, Lost: the tape" in titles
        assert await page.run("document.querySelectorAll('.runs a').length") == 0, "nothing is kept of it"


async def test_a_cron_job_is_run_by_two_clicks(page: Page, redis_url: str) -> None:
    jobs = [cron(backup, month=2, day=29, hour=3, minute=0, keep_result=60)]
    async with running_gateway(redis_url) as gateway, working([], redis_url, cron_jobs=jobs):
        await shown(page, gateway, "cron:backup")
        button = "document.querySelector('.schedules button')"
        await page.until(f"{button} && !{button}.hidden")
        await page.click(".schedules button")
        await page.until(f"{button}.innerText === 'Run it now?' && !{button}.disabled")
        await page.click(".schedules button")
        await page.until("document.querySelector('h1.id')")
        await page.until("document.querySelector('main').innerText.includes('copied')")
        await shown(page, gateway, "succeeded")
        assert await page.run("document.querySelector('.runs a').ariaLabel.includes('by hand')")


async def test_who_is_offered_what(page: Page, redis_url: str, tmp_path: Path) -> None:
    made = [new_key(f"key{n}", scopes) for n, scopes in enumerate([("read:*", "enqueue:cron:a*"), ("read",)])]
    (tmp_path / "keys.toml").write_text("".join(entry for _, entry in made))
    async with (
        running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway,
        Broker(redis_url) as broker,
    ):
        for name in ("cron:add", "cron:secret"):
            await announce_cron(broker, daily(), function=name, name=name)
        for (key, _), text in zip(made, ("cron:secret", "needs the scope read:*"), strict=True):
            await page.open("about:blank")
            await page.open(f"{gateway.url}/#/schedules")
            await page.until("document.activeElement?.id === 'key-text'")
            await page.fill("#key-text", key)
            await page.press("Enter")
            await page.until(f"document.querySelector('main').innerText.includes({json.dumps(text)})")
            offered = f"{BUTTONS}.filter((one) => !one.hidden).map((one) => one.title).join()"
            expected = "Run cron:add now" if key == made[0][0] else ""
            await page.until(f"{offered} === '{expected}'")
    page.complaints.clear()  # the browser reports refused requests


async def test_hostile_texts_stay_texts_in_a_narrow_window(page: Page, redis_url: str) -> None:
    async with running_gateway(redis_url, read_only_ui=True) as gateway, Broker(redis_url) as broker:
        for number, evil in enumerate(HOSTILE_TEXTS):
            name = f"{number}{''.join(filter(str.isprintable, evil))}"[:128]
            zone = evil[:500] or None
            await announce_cron(
                broker, daily(timezone=zone), function=name, name=f"w{number}", description=evil
            )
            await broker.note_cron_run(QUEUE, name, replace(FAILED, job_id=evil, error=evil, keep=None))
        await shown(page, gateway, "__proto__", width=360, height=700)
        await page.until(f"{ROWS}.length === {len(HOSTILE_TEXTS)}")
        bad = "document.querySelectorAll('main :is(img, script, iframe, style, template, math)').length"
        links = "[...document.links].every((one) => one.origin === location.origin)"
        assert (await page.run(bad), await page.run(links)) == (0, True)
        assert await page.run("document.documentElement.scrollWidth") <= 360
        assert await page.run(f"{BUTTONS}.every((one) => one.hidden)")
        assert await page.run("window.broken") is None
