"""Pictures of pages in a real Chromium.

`python -m harness.browser.pictures URL FOLDER` in the folder `tests` takes them.
"""

import asyncio
import base64
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.browser.chromium import Page, open_page, start_browser
from harness.processes.commands import Processes

#: Width and height of windows.
WINDOWS: Mapping[str, tuple[int, int]] = {
    "narrow": (360, 760),
    "usual": (1280, 900),
    "large": (1440, 900),
    "wide": (3840, 2160),
}


async def picture(page: Page, file: Path, *, whole: bool = False) -> None:
    """Write what a page shows into a PNG file."""
    shot = await page.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
    await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))


async def pictures(page: Page, url: str, name: str, folder: Path, kinds: tuple[str, ...]) -> None:
    """Take pictures of one address in windows, such as `usual`, `usual-dark`."""
    for kind in kinds:
        window, _, dark = kind.partition("-")
        width, height = WINDOWS[window]
        await page.open("about:blank")
        await page.open(url, width=width, height=height, dark=bool(dark))
        await page.until("document.querySelector('main')?.children.length")
        await asyncio.sleep(1.5)
        await picture(page, folder / f"{name}-{kind}.png")


async def main(url: str, folder: Path, kinds: tuple[str, ...], hashes: tuple[str, ...]) -> None:
    """Take pictures of the dashboard's pages."""
    processes = Processes(folder)
    with tempfile.TemporaryDirectory() as profile:
        try:
            async with open_page(start_browser(processes, Path(profile))) as page:
                for each in hashes:
                    name = each.strip("#/").replace("/", "-").split("?")[0].replace(":", "-")
                    await pictures(page, f"{url}/{each}", name, folder, kinds)
                for complaint in page.complaints:
                    sys.stdout.write(f"{complaint}\n")
        finally:
            processes.end_all()


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), tuple(sys.argv[3].split(",")), tuple(sys.argv[4:])))
