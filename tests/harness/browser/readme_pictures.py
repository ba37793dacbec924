"""The pictures of the README and of docs/dashboard.md: `make pictures`.

A shop runs for half a minute, and a Chromium looks at its dashboard, in light and in dark.
"""

import asyncio
import base64
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from harness.browser import scene
from harness.browser.chromium import Page, open_page, start_browser
from harness.processes.commands import Processes
from harness.servers.redis_server import RedisServer
from harness.tools import valkey_binary

#: The pages by the names of their pictures.
PAGES = {"overview": "overview", "queue": "queues/shop:billing", "schedules": "schedules"}
WIDTH, HEIGHT = 1280, 800
#: Colours of a picture: text on plain surfaces needs no more.
COLOURS = 192
#: Seconds for which the shop runs before somebody looks.
SECONDS = 30


async def picture(page: Page) -> bytes:
    """Return what the page shows as a small PNG."""
    shot = await page.send("Page.captureScreenshot", format="png")
    image = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    written = io.BytesIO()
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        written, "png", optimize=True
    )
    return written.getvalue()


async def look(page: Page, url: str, folder: Path) -> None:
    """Take all pictures."""
    for name, place in PAGES.items():
        for dark in (False, True):
            await page.open("about:blank")
            await page.open(f"{url}/#/{place}", width=WIDTH, height=HEIGHT, dark=dark)
            await page.until("document.querySelector('main table tbody tr')")
            await page.until("document.querySelector('#connection').dataset.state === 'live'")
            await page.until("document.getAnimations().length === 0")
            file = folder / f"{name}{'-dark' if dark else ''}.png"
            await asyncio.to_thread(file.write_bytes, await picture(page))
            sys.stdout.write(f"{file}\n")


async def main(folder: Path, scratch: Path) -> None:
    """Run the shop, and look at it."""
    server = RedisServer(valkey_binary(), scratch / "redis").start()
    processes = Processes(scratch)
    try:
        scene.seed_counters(server.url)
        gateway = scene.start(processes, server.url)
        await scene.seed_jobs(gateway.url)
        await scene.enqueue_some(gateway.url, SECONDS)
        async with open_page(start_browser(processes, scratch / "profile")) as page:
            await look(page, gateway.url, folder)
            assert page.complaints == [], page.complaints
    finally:
        processes.end_all()
        server.stop()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(main(Path(sys.argv[1]).resolve(), Path(scratch)))
