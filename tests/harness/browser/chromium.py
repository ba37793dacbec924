"""A real Chromium without a window, driven through its DevTools protocol: what a page does in a browser."""

import asyncio
import contextlib
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from harness.processes.commands import Process, Processes
from harness.tools import missing
from harness.waiting import eventually, eventually_async

#: Names of the program, on Debian, other Linuxes and macOS.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
#: Flags: nothing is fetched in the background, and root may run it.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-sync",
    "--remote-debugging-port=0",
)  # fmt: skip


def start_browser(processes: Processes, folder: Path) -> str:
    """Start a browser, and return the address of its DevTools; skips, or fails in CI, where there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None) or missing("chromium is not installed")
    process = processes.start(*FLAGS, f"--user-data-dir={folder}", "about:blank", program=program)
    return _address(process, folder / "DevToolsActivePort")


def _address(process: Process, file: Path) -> str:
    def written() -> list[str]:
        assert process.running, process.log
        return file.read_text().split() if file.exists() else []

    port, path = eventually(written, what=f"the browser listens: {process.log_file}")
    return f"ws://127.0.0.1:{port}{path}"


class Page:
    """One page of a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._session = ""
        #: What the page and the browser complained about: errors of scripts, refused resources.
        self.complaints: list[str] = []

    async def send(self, method: str, **params: Any) -> Any:
        """Send a command of the DevTools protocol and return its result."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json(message | ({"sessionId": self._session} if self._session else {}))
        return await asyncio.wait_for(answer, 60)

    async def listen(self) -> None:
        """Read what the browser sends, until cancelled."""
        async for message in self._socket:
            document = json.loads(message.data)
            if "id" in document:
                answer = self._answers.pop(document["id"])
                if "error" in document:
                    answer.set_exception(AssertionError(document["error"]["message"]))
                else:
                    answer.set_result(document["result"])
            elif document["method"] in {"Runtime.exceptionThrown", "Log.entryAdded"}:
                self.complaints.append(json.dumps(document["params"]))

    async def open(self, url: str, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Load an address in a window of a size, and wait until its scripts have run."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        await self.send("Page.navigate", url=url)
        await self.until(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url)})")

    async def run(self, script: str) -> Any:
        """Return the value of an expression; promises are awaited."""
        found = await self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until an expression is true."""

        async def holds() -> bool:
            with contextlib.suppress(AssertionError):  # the page may be loading
                return bool(await self.run(f"!!({script})"))
            return False

        await eventually_async(holds, what=script)

    async def text(self, selector: str) -> str:
        """Return the text that an element shows; empty = there is none."""
        return str(await self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    async def fill(self, selector: str, text: str) -> None:
        """Replace what is in a field, as a user who types."""
        await self.run(f"document.querySelector({json.dumps(selector)}).select()")
        await self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        await (self.send("Input.insertText", text=text) if text else self.press("Backspace"))

    async def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select."""
        field = f"document.querySelector({json.dumps(selector)})"
        event = "new Event('input', {bubbles: true})"
        await self.run(f"{field}.value = {json.dumps(value)}; {field}.dispatchEvent({event})")

    async def press(self, key: str) -> None:
        """Press a key."""
        text = {"Enter": "\r"}.get(key)
        codes = {"Enter": 13, "Tab": 9, "Backspace": 8}
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            code = codes.get(key, 0)
            await self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more
            )

    async def click(self, selector: str) -> None:
        """Click on an element."""
        await self.run(f"document.querySelector({json.dumps(selector)}).click()")

    async def begin(self) -> None:
        """Make a page of its own in the browser, with storage of its own."""
        context = await self.send("Target.createBrowserContext", disposeOnDetach=True)
        target = await self.send("Target.createTarget", url="about:blank", **context)
        attached = await self.send("Target.attachToTarget", flatten=True, targetId=target["targetId"])
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.send(f"{domain}.enable")


@asynccontextmanager
async def open_page(address: str) -> AsyncIterator[Page]:
    """Yield a new page of the browser whose DevTools have this address."""
    async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
        page = Page(socket)
        listening = asyncio.create_task(page.listen())
        try:
            await page.begin()
            yield page
        finally:
            listening.cancel()
