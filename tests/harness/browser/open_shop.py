"""A running shop, and pages of a browser that look at it: for tests of the dashboard."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from harness.browser import scene
from harness.browser.chromium import Page, open_page, start_browser
from harness.processes.commands import Process, Processes
from harness.servers.redis_server import RedisServer
from harness.tools import valkey_binary
from harness.waiting import NotInTime


@dataclass(kw_only=True)
class Shop:
    """A running shop, and a browser to look at it."""

    redis: RedisServer
    gateway: Process
    processes: Processes
    browser: str

    @property
    def url(self) -> str:
        """Address of its gateway."""
        return self.gateway.url

    async def ask(self, method: str, path: str, document: Any = None) -> Any:
        """Send a request that must be answered well, and return the answer."""
        async with (
            aiohttp.ClientSession(self.url) as session,
            session.request(method, path, json=document) as answer,
        ):
            assert answer.status < 400, await answer.text()
            return await answer.json()


@contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    """Run a shop with an hour of counters."""
    redis = RedisServer(valkey_binary(), folder / "redis").start()
    processes = Processes(folder)
    try:
        browser = start_browser(processes, folder / "profile")
        scene.seed_counters(redis.url)
        gateway = scene.start(processes, redis.url)
        yield Shop(redis=redis, gateway=gateway, processes=processes, browser=browser)
    finally:
        processes.end_all()
        redis.kill()


@asynccontextmanager
async def good_page(browser: str) -> AsyncIterator[Page]:
    """Yield a page; at the end, nothing that it did may have been an error or against its policy."""
    async with open_page(browser) as opened:
        yield opened
        assert opened.complaints == []


async def shown(page: Page, url: str, text: str, **window: Any) -> None:
    """Open an address and wait until the page shows a text."""
    await page.open(url, **window)
    await says(page, "main", text)


async def says(page: Page, selector: str, text: str) -> None:
    """Wait until an element shows a text."""
    element = f"document.querySelector({json.dumps(selector)})"
    try:
        await page.until(f"{element}?.innerText.includes({json.dumps(text)})")
    except NotInTime as error:
        raise AssertionError(
            f"no {text!r} in {selector}; the page shows {await page.text('body')}"
        ) from error


async def press_button(page: Page, text: str, place: str = "main") -> None:
    """Press the button with this text, as soon as it is there; of dialogs, in one that is open."""
    # One that was closed is removed a moment later.
    place = f"{place}[open]" if place == "dialog" else place
    buttons = f"[...document.querySelectorAll('{place} button')]"
    found = f"{buttons}.find((one) => one.innerText === {json.dumps(text)})"
    await page.until(f"{found} && !{found}.hidden && !{found}.disabled")
    await page.run(f"{found}.click()")
