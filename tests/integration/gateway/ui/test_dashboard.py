"""The dashboard in a real Chromium, with real gateway, worker and Redis processes."""

import json
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.browser.chromium import Page, open_page
from harness.browser.open_shop import Shop, good_page, open_shop, press_button, says, shown
from harness.hostile.texts import HOSTILE_TEXTS
from harness.jobs.records import request_of
from harness.servers.cutting_proxy import cutting_proxy
from harness.systems.gateways import PlayedWorker, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker, Failure, FailureCode, WorkerRecord
from jobgate.gateway import new_key

pytestmark = pytest.mark.early

#: The texts of the buttons that are there.
BUTTONS = """[...document.querySelectorAll("main button")]
  .filter((one) => one.checkVisibility()).map((one) => one.innerText)"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
async def page(shop: Shop) -> AsyncIterator[Page]:
    async with good_page(shop.browser) as page:
        yield page


async def test_the_overview_shows_queues_alarms_and_what_happens(page: Page, shop: Shop) -> None:
    await shop.ask("POST", "/jobs/newsletter", {"queue": "shop:newsletter"})
    await shop.ask("POST", "/queues/shop:images/pause")
    await shown(page, shop.url, "shop:billing")
    assert await page.run("document.title") == "Overview · jobgate"
    await says(page, "#connection", "Live")
    alarms = await page.text(".alarms")
    assert "shop:newsletter\nNo worker runs its jobs: 1 job is due." in alarms
    assert await page.text('[data-tile="workers"] strong') == "2"
    functions = await page.text("section[aria-label=Functions]")
    assert all(name in functions for name in ("send_invoice", "charge_card", "resize_image"))
    drawn = await page.run("document.querySelector('.queues .spark path.bar').getAttribute('d').length")
    assert drawn > 500, "an hour has 60 bars"

    await shop.ask("POST", "/jobs/send_invoice", {"args": [1], "job_id": "watched"})
    await says(page, ".live", "watched")
    await says(page, ".live", "succeeded")
    await page.click(".alarm button")
    await page.until("!document.querySelector('.alarms').innerText.includes('Paused')")
    assert not (await shop.ask("GET", "/queues/shop:images"))["paused"]


async def test_a_queue_shows_its_jobs_page_by_page(page: Page, shop: Shop) -> None:
    for number in range(60):
        body = {"queue": "shop:newsletter", "job_id": f"issue-{number:02}", "defer_by": 600 + number}
        await shop.ask("POST", "/jobs/newsletter", body)
    await shown(page, f"{shop.url}/#/queues/shop:newsletter?status=deferred", "issue-00")
    assert await page.run("document.querySelectorAll('.jobs tbody tr').length") == 50
    assert "in 9 min" in await page.text(".jobs tbody tr") or "in 10 min" in await page.text(".jobs tbody tr")
    await page.run(
        "[...document.querySelectorAll('main nav a')].find((a) => a.innerText === 'Next page').click()"
    )
    await page.until("document.querySelectorAll('.jobs tbody tr').length === 10")
    assert "issue-59" in await page.text(".jobs")
    await page.run("history.back()")
    await says(page, ".jobs", "issue-00")

    await page.run("document.querySelector('#function').focus()")
    await page.send("Input.insertText", text="send_invoice")
    await page.press("Enter")
    await says(page, ".empty", "No job of this queue is like that")
    assert (await page.run("location.hash")).endswith("?status=deferred&function=send_invoice")

    await page.run("history.back()")
    await says(page, ".jobs", "issue-00")
    await press_button(page, "Abort these …")
    await says(page, "dialog", "60 jobs would be aborted.")
    await press_button(page, "Abort 60", "dialog")
    await says(page, "dialog", "60 jobs aborted.")
    await press_button(page, "Close", "dialog")
    await says(page, ".empty", "No job of this queue is like that")


async def test_a_queue_can_be_paused_and_shows_new_jobs(page: Page, shop: Shop) -> None:
    await shown(page, f"{shop.url}/#/queues/shop:images", "Last hour: ")
    await press_button(page, "Pause")
    await says(page, ".head", "paused")
    assert (await shop.ask("GET", "/queues/shop:images"))["paused"]
    await shop.ask(
        "POST", "/jobs/resize_image", {"queue": "shop:images", "args": ["a.jpg"], "job_id": "new-one"}
    )
    await says(page, ".jobs", "new-one")
    await says(page, ".jobs", "queued")
    await press_button(page, "Resume")
    await says(page, ".jobs", "succeeded")


async def test_a_job_shows_its_progress_and_its_end_and_can_be_aborted(page: Page, shop: Shop) -> None:
    await shop.ask(
        "POST", "/jobs/export_orders", {"kwargs": {"year": 2024, "rows": 4000}, "job_id": "report"}
    )
    await shown(page, f"{shop.url}/#/jobs/report", "Started, try 1")
    await says(page, ".progress", "of 4,000")
    assert "year" in await page.text("section[aria-label=Arguments]")
    await press_button(page, "Abort")
    await press_button(page, "Abort it", "dialog")
    await says(page, "section[aria-label=Outcome]", "Code: aborted")
    await says(page, ".timeline", "Aborted")
    await press_button(page, "Retry")
    await page.until("location.hash !== '#/jobs/report'")
    await says(page, ".pairs", "Retry of\nreport")
    await press_button(page, "Abort")
    await press_button(page, "Cancel", "dialog")
    assert "Aborted" not in await page.text(".timeline")
    await press_button(page, "Abort")
    await press_button(page, "Abort it", "dialog")
    await says(page, ".timeline", "Aborted")
    await page.run("history.back()")
    await says(page, ".pairs", "Retried as")


async def test_a_failed_job_shows_why(page: Page, shop: Shop) -> None:
    await shop.ask("POST", "/jobs/charge_card?wait=5", {"args": ["A-1", 700], "job_id": "declined"})
    await page.open(shop.url)
    await page.press("/")
    await page.send("Input.insertText", text="declined")
    await page.press("Enter")
    await says(page, "h2.bad", "PaymentDeclined")
    outcome = await page.text("section[aria-label=Outcome]")
    assert "order A-1: insufficient funds (7.00 EUR)" in outcome
    assert "Traceback (most recent call last):" in outcome
    assert await page.text("h1") == "declined"
    await shown(page, f"{shop.url}/#/jobs/nowhere", "There is no such job")
    page.complaints.clear()  # the browser notes the 404


async def test_failures_are_grouped_and_run_again(page: Page, shop: Shop) -> None:
    for number in range(3):
        await shop.ask(
            "POST", "/jobs/charge_card?wait=5", {"args": [f"B-{number}", 7], "queue": "shop:billing"}
        )
    await shop.ask("POST", "/jobs/send_invoice?wait=5", {"args": [23]})
    await shown(page, f"{shop.url}/#/failures", "By function and error")
    await says(page, ".groups", "PaymentDeclined")
    await says(page, ".groups", "ConnectionRefusedError")
    assert "insufficient funds (0.07 EUR)" in await page.text(".groups")
    await page.until("document.querySelector('#queue').innerText.includes('shop:billing')")
    await page.choose("#queue", "shop:billing")
    await page.run("document.querySelector('#queue').dispatchEvent(new Event('change'))")
    await page.until("!document.querySelector('.groups').innerText.includes('ConnectionRefusedError')")
    assert (await page.run("location.hash")) == "#/failures?queue=shop%3Abilling"

    await press_button(page, "Retry …")
    await says(page, "dialog", "3 jobs would be retried.")
    await press_button(page, "Close", "dialog")
    assert [job["retried_as"] for job in await failed_jobs(shop)] == [None] * 3, "that was a dry run"
    await press_button(page, "Retry all of these …")
    await says(page, "dialog", "failed jobs in shop:billing")
    await press_button(page, "Retry 3", "dialog")
    await says(page, "dialog", "3 jobs retried.")
    await press_button(page, "Close", "dialog")
    await says(page, ".failures", "retried")

    async def have_failed_again() -> bool:
        return len(await failed_jobs(shop)) == 6

    await eventually_async(have_failed_again, what="the retried jobs have failed")


async def test_what_fails_most_is_found_and_run_again_with_three_clicks(page: Page, shop: Shop) -> None:
    for number in range(4):
        await shop.ask(
            "POST", "/jobs/charge_card?wait=5", {"args": [f"E-{number}", 7], "queue": "shop:billing"}
        )
    await shown(page, f"{shop.url}/#/overview", "Queues")
    billing = """document.querySelector('.queues a.bad[href*="billing"]')"""
    await page.until(billing)
    await page.run(f"{billing}.click()")
    await says(page, ".groups", "PaymentDeclined")
    assert "since=1h" in await page.run("location.hash")
    await press_button(page, "Retry …")
    await says(page, "dialog", "charge_card with PaymentDeclined (error) in shop:billing, last hour")
    await page.until("document.querySelector('dialog button:not(.quiet)')?.innerText.startsWith('Retry ')")
    await page.run("document.querySelector('dialog button:not(.quiet)').click()")
    await says(page, "dialog", "jobs retried.")
    await press_button(page, "Close", "dialog")

    await page.run("document.querySelector('.groups .function a').click()")
    await page.until("location.hash.includes('function=charge_card')")
    await press_button(page, "Abort those that wait …")
    await says(page, "dialog", "jobs that wait or run of charge_card in shop:billing")


async def failed_jobs(shop: Shop) -> list[Any]:
    """Return the jobs of the billing queue that failed."""
    jobs: list[Any] = (await shop.ask("GET", "/jobs?queue=shop:billing&success=false"))["jobs"]
    return jobs


async def test_workers_show_what_they_run(page: Page, shop: Shop) -> None:
    body = {"kwargs": {"year": 2024, "rows": 2000}, "job_id": "long-one"}
    await shop.ask("POST", "/jobs/export_orders", body)
    await shown(page, f"{shop.url}/#/workers", "2 workers, ")
    await says(page, ".workers", "long-one")
    assert await page.run("document.querySelectorAll('.worker').length") == 2
    await says(page, ".workers", "of 5 min")
    assert "none blocked or silent" in await page.text(".head")
    for word in ("Slots", "Lag", "Memory", "Up for", "Heartbeat", "shop:billing"):
        assert word in await page.text(".worker")
    await shop.ask("POST", "/jobs/long-one/abort?wait=5")
    await shown(page, f"{shop.url}/#/workers/gone", "The worker gone is not alive any more.")


async def test_a_worker_that_was_lost_is_not_forgotten(page: Page, shop: Shop) -> None:
    worker = shop.processes.worker(
        "harness.functions.shop.WorkerSettings", shop.redis.url, cwd=Path(__file__).parents[3]
    )
    await shown(page, f"{shop.url}/#/workers", f":{worker.pid}")
    await shown(page, f"{shop.url}/#/overview", "Queues")

    seconds = set[int]()

    async def alarm() -> str:
        if (second := int(time.time())) not in seconds:
            await shop.ask(
                "POST", "/jobs/send_invoice", {"args": [1]}
            )  # the page reads when something happens
        seconds.add(second)
        said = (await page.text(".alarms")).splitlines()
        return next((line for line in said if re.search(rf"[:.]{worker.pid}\b", line)), "")

    async def says_alarm(text: str) -> bool:
        return text in await alarm()

    worker.signal(signal.SIGSTOP)
    await eventually_async(lambda: says_alarm("has sent no heartbeat"), what="it is silent")
    await eventually_async(lambda: says_alarm("was lost"), what="it is given up")
    worker.signal(signal.SIGCONT)

    async def is_back() -> bool:
        return not await alarm()

    await eventually_async(is_back, what="it is back")
    assert worker.terminate() == 0


async def test_what_happens_before_the_stream_begins_is_not_missed(shop: Shop) -> None:
    async with (
        cutting_proxy(int(shop.url.rpartition(":")[2])) as proxy,
        open_page(shop.browser) as page,
    ):
        proxy.refused = b"GET /events"
        await shown(page, f"{proxy.url}/#/overview", "shop:billing")
        await says(page, "#connection", "Reconnecting")
        await page.until("document.querySelectorAll('.live .event').length")
        await shop.ask("POST", "/jobs/send_invoice?wait=5", {"args": [1], "job_id": "too-early"})
        proxy.refused = None
        await says(page, "#connection", "Live")
        await says(page, ".live", "too-early")


async def test_when_only_the_stream_is_cut_that_is_shown_and_nothing_is_missed(shop: Shop) -> None:
    async with (
        cutting_proxy(int(shop.url.rpartition(":")[2])) as proxy,
        open_page(shop.browser) as page,
    ):
        await shown(page, f"{proxy.url}/#/overview", "shop:billing")
        await says(page, "#connection", "Live")
        # Once an event has come, the page knows where the stream has to go on.
        await shop.ask("POST", "/jobs/send_invoice?wait=5", {"args": [1], "job_id": "seen"})
        await says(page, ".live", "seen")
        proxy.refused = b"GET /events"
        proxy.cut(proxy.refused)
        await says(page, "#connection", "Reconnecting")
        names = [f"unseen-{number}" for number in range(4)]
        for name in names:
            await shop.ask("POST", "/jobs/send_invoice?wait=5", {"args": [1], "job_id": name})
        assert await page.run("fetch('livez').then((answer) => answer.status)") == 200, "all else passes"
        listed = await page.text(".live")
        assert [name for name in names if name in listed] == []
        proxy.refused = None
        await says(page, "#connection", "Live")
        for name in names:
            await says(page, ".live", name)
        assert all("events?every=" in each for each in page.complaints), (
            "the browser notes requests that fail"
        )


async def test_a_restart_of_the_gateway_is_survived(page: Page, shop: Shop) -> None:
    await shown(page, shop.url, "shop:billing")
    await says(page, "#connection", "Live")
    shop.gateway.kill()
    await says(page, "#connection", "Reconnecting")
    shop.gateway = shop.processes.gateway(shop.redis.url, port=int(shop.url.rpartition(":")[2]))
    await says(page, "#connection", "Live")
    await shop.ask("POST", "/jobs/send_invoice", {"args": [1], "job_id": "afterwards"})
    await says(page, ".live", "afterwards")
    page.complaints.clear()  # the browser notes that the gateway was away


async def test_keys_are_asked_for_and_limit_what_is_shown(page: Page, shop: Shop, tmp_path: Path) -> None:
    scopes = {"all": ("read:*", "operate", "abort"), "looks": ("read:*",), "own": ("read", "enqueue:send_*")}
    keys = {name: new_key(name, scope) for name, scope in scopes.items()}
    (tmp_path / "keys.toml").write_text("\n".join(entry for _, entry in keys.values()))
    await shop.ask("POST", "/queues/shop:images/pause")
    async with running_gateway(shop.redis.url, keys_file=tmp_path / "keys.toml") as gateway:
        await page.open(gateway.url)
        await says(page, "#connection", "No key")
        await enter_key(page, "wrong")
        await says(page, "#key-error", "does not accept this key")
        await says(page, "#connection", "No key")

        await enter_key(page, keys["all"][0])
        await says(page, ".alarms", "Paused")
        await page.until("document.querySelector('.alarm button')?.innerText === 'Resume'")
        await says(page, "#connection", "Live")
        kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
        assert keys["all"][0] not in await page.run(f"{kept} + document.documentElement.outerHTML")

        await page.run("location.reload()")
        await page.until("document.querySelector('form.key')")
        await page.click("#key-kept")
        await enter_key(page, keys["looks"][0])
        await says(page, ".alarms", "Paused")
        await page.run("location.reload()")  # the tab keeps this one
        await says(page, ".alarms", "Paused")
        await says(page, "#connection", "Live")
        for place in ("overview", "queues/shop:images", "failures", "workers", "schedules", "jobs/nothing"):
            await page.run(f"location.hash = '#/{place}'")
            await page.until("document.querySelector('main h1')")
            await page.until("document.querySelector('#connection').dataset.state === 'live'")
            assert await page.run(BUTTONS) == [], place
        await page.run("location.hash = '#/overview'")

        await page.run("sessionStorage.clear()")
        await page.run("location.reload()")
        await enter_key(page, keys["own"][0])
        await says(page, "main", "needs the scope read:*")
        await page.open("about:blank")
    await shop.ask("POST", "/queues/shop:images/resume")
    page.complaints.clear()  # the browser notes each 401, 403 and 422


class EvilWorker(PlayedWorker):
    """A worker that is called as a test wants."""

    @property
    def record(self) -> WorkerRecord:
        return replace(super().record, host=self.name, version=self.name, start_time_ms=1_700_000_000_000)


async def evil_jobs(url: str) -> None:
    """Have a running, a failed and a successful job with each hostile text in every place that takes it."""
    async with Broker(url) as broker:
        for number, evil in enumerate(HOSTILE_TEXTS):
            request = request_of(evil, job_id=f"{number}{evil}", args=[evil], kwargs={evil: evil})
            await broker.enqueue(request)
            worker = EvilWorker(broker, "evil", name=f"{evil[:200]}{number}")
            await worker.announce()
            claimed = await worker.claim()
            if number % 3 == 0:
                await worker.finish(claimed, {evil: evil}, keep=600)
            elif number % 3 == 1:
                failure = Failure(type=evil, message=evil, traceback=evil, code=FailureCode.ERROR)
                await worker.finish(claimed, failure=failure, keep=600)
            else:
                await broker.report_progress(claimed.lease, fraction=0.5, message=evil[:200])


async def test_hostile_texts_stay_texts(page: Page, shop: Shop) -> None:
    url = f"{shop.redis.url}/1"
    alerts = "document.querySelectorAll('main :is(img, script, iframe, style, template, math)').length"
    links = "[...document.links].every((one) => one.origin === location.origin && one.pathname !== '/livez')"
    async with running_gateway(url) as gateway:
        await shown(page, gateway.url, "No job has ended, or no result is kept.")
        await says(page, "#connection", "Live")
        await evil_jobs(url)
        for place, text in (
            ("overview", "no-space-in-it-"),
            ("queues/arq:queue", "__proto__"),
            ("failures", "By function and error"),
            ("workers", "33 workers, "),
            ("functions", "evil"),
        ):
            await shown(page, f"{gateway.url}/#/{place}", text)
            assert (await page.run(alerts), await page.run(links)) == (0, True), place
            assert await page.run("document.documentElement.scrollWidth <= innerWidth"), place
        for number, evil in enumerate(HOSTILE_TEXTS):
            job_id = f"{number}{evil}"
            await page.run(f"location.hash = '#/jobs/' + encodeURIComponent({json.dumps(job_id)})")
            await page.until(f"document.querySelector('h1.id')?.textContent === {json.dumps(job_id)}")
            part = ".progress" if number % 3 == 2 else "section[aria-label=Outcome]"
            said = (json.dumps(evil, ensure_ascii=False)[1:-1], evil, evil[:200])[number % 3]
            await page.until(f"document.querySelector('{part}').textContent.includes({json.dumps(said)})")
            assert (await page.run(alerts), await page.run(links)) == (0, True), evil
        assert await page.run("window.broken") is None
        assert await page.run("Object.keys(Object.prototype).length") == 0
        await page.open("about:blank")


async def enter_key(page: Page, key: str) -> None:
    await page.until("document.activeElement?.id === 'key-text'")
    await page.fill("#key-text", key)
    await page.press("Enter")


async def test_a_read_only_dashboard_has_no_buttons(page: Page, shop: Shop) -> None:
    await shop.ask("POST", "/jobs/charge_card?wait=5", {"args": ["D-1", 7], "job_id": "looked-at"})
    async with running_gateway(shop.redis.url, read_only_ui=True) as gateway:
        for place, text in (
            ("queues/arq:queue?status=failed", "Last hour: "),
            ("failures", "By function and error"),
            ("jobs/looked-at", "PaymentDeclined"),
            ("functions/send_invoice", "Returns"),
        ):
            await shown(page, f"{gateway.url}/#/{place}", text)
            await page.until("document.querySelector('#connection').dataset.state === 'live'")
            assert await page.run(BUTTONS) in ([], ["Copy id", "Copy as curl"])
            assert "Retry" not in await page.text(".groups thead"), "nor a column for them"
        await page.open("about:blank")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_a_narrow_window_shows_everything(page: Page, shop: Shop, dark: bool) -> None:
    await shop.ask("POST", "/jobs/charge_card?wait=5", {"args": ["C-1", 7], "job_id": f"narrow-{dark}"})
    for place, text in (
        ("overview", "shop:billing"),
        ("queues/shop:billing", "Last hour: "),
        (f"jobs/narrow-{dark}", "Started, try 1"),
        ("failures", "By function and error"),
        ("workers", "2 workers, "),
        ("schedules", "every day at 03:00"),
        ("functions/send_invoice", "Call it"),
    ):
        await shown(page, f"{shop.url}/#/{place}", text, width=360, height=700, dark=dark)
        assert await page.run("document.documentElement.scrollWidth") <= 360, place
    assert await page.run("getComputedStyle(document.body).backgroundColor === 'rgb(16, 19, 23)'") is dark


async def test_a_narrow_list_of_failures_says_why(page: Page, shop: Shop) -> None:
    await shop.ask("POST", "/jobs/charge_card?wait=5", {"args": ["C-2", 7], "queue": "shop:billing"})
    await shown(page, f"{shop.url}/#/failures", "By function and error", width=360, height=700)
    await says(page, ".failures tbody", "PaymentDeclined")


async def test_the_overview_leads_to_the_page_of_a_function(page: Page, shop: Shop) -> None:
    await shop.ask("POST", "/jobs/charge_card?wait=5", {"args": ["C-3", 7], "queue": "shop:billing"})
    await shown(page, f"{shop.url}/#/overview", "Queues")
    name = """document.querySelector('.functions-of-hour a[href$="charge_card"]')"""
    await page.until(name)
    await page.run(f"{name}.click()")
    await says(page, "main", "Last hour")
    await page.run("location.hash = '#/functions/of-no-worker'")
    await says(page, "main", "No live worker offers this function. Its failures")
    await page.run("document.querySelector('article a').click()")
    await page.until("location.hash === '#/failures?function=of-no-worker'")
