"""The dashboard for people: what axe finds, the keyboard, layout shift, and when the first view is of use."""

import statistics
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from harness.browser.axe import findings
from harness.browser.chromium import Page
from harness.browser.open_shop import Shop, good_page, open_shop, says, shown
from harness.systems.gateways import running_gateway
from jobgate.gateway import new_key

pytestmark = pytest.mark.early

#: Each page, and a text that it shows when it is complete.
PLACES = (
    ("overview", "shop:billing"),
    ("queues/shop:billing", "Last hour: "),
    ("jobs/declined", "PaymentDeclined"),
    ("jobs/long-one", "Running"),
    ("failures", "declined"),
    ("workers", "2 workers, "),
    ("schedules", "every day at 03:00"),
    ("functions/send_invoice", "Call it"),
    ("nothing", "No such page"),
)
#: Where more moves: the times of a function come after its description. Browsers call up to 0.1 good.
MOVES = {"functions/send_invoice": 0.1}
#: Notes layout shifts, and when the overview is of use.
WATCH = """
window.shift = 0;
new PerformanceObserver((list) => list.getEntries().forEach((one) => {
  if (!one.hadRecentInput) window.shift += one.value;
})).observe({ type: "layout-shift", buffered: true });
new MutationObserver((_, me) => {
  if (!document.querySelector(".queues tbody tr")) return;
  window.usable = performance.now();
  me.disconnect();
}).observe(document, { childList: true, subtree: true });
"""


#: Addresses of other servers that were asked for something.
ELSEWHERE = """performance.getEntriesByType("resource").map((one) => one.name)
  .filter((name) => !name.startsWith(location.origin))"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
async def page(shop: Shop) -> AsyncIterator[Page]:
    async with good_page(shop.browser) as page:
        await page.send("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield page


@pytest.fixture
async def places(shop: Shop) -> None:
    """Have jobs that the pages show: one that failed, one that runs, one that nobody takes."""
    jobs = [one["job_id"] for one in (await shop.ask("GET", "/jobs?queue=shop:billing"))["jobs"]]
    if "declined" in jobs:
        return
    declined = {"args": ["A-1", 700], "job_id": "declined", "queue": "shop:billing"}
    await shop.ask("POST", "/jobs/charge_card?wait=10", declined)
    long = {"kwargs": {"year": 2024, "rows": 40_000}, "job_id": "long-one"}
    await shop.ask("POST", "/jobs/export_orders", long)
    await shop.ask("POST", "/jobs/newsletter", {"args": [1], "queue": "shop:newsletter"})
    await shop.ask("POST", "/queues/shop:images/pause")


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
async def test_axe_finds_nothing_and_nothing_moves(page: Page, shop: Shop, width: int, dark: bool) -> None:
    found: dict[str, Any] = {}
    for place, text in PLACES:
        await page.open("about:blank")
        await shown(page, f"{shop.url}/#/{place}", text, width=width, height=900, dark=dark)
        if wrong := await findings(page):
            found[place] = wrong
        if elsewhere := await page.run(ELSEWHERE):
            found[f"{place} asks elsewhere"] = elsewhere
        if (shift := await page.run("window.shift")) > MOVES.get(place, 0.03):
            found[f"{place} moves"] = shift
    assert found == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_axe_finds_nothing_where_a_key_is_asked_for(page: Page, shop: Shop, dark: bool) -> None:
    _, entry = new_key("somebody", ("read",))
    async with running_gateway(shop.redis.url, keys_text=entry) as gateway:
        await page.open(gateway.url, width=360, dark=dark)
        await says(page, "main", "API key")
        assert await findings(page) == []
        await page.run("document.querySelector('main').append(new Image())")
        assert any("image-alt" in one for one in await findings(page)), "it finds something where there is"
        await page.open("about:blank")
    page.complaints.clear()  # the browser notes each 401


#: What has the focus, and where a visible outline says so.
FOCUS = """(() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const name = one.id || one.getAttribute("aria-label") || one.textContent.trim() || one.tagName;
  return { name: name.slice(0, 40), isBody: one === document.body, isSeen: box.width > 0 && box.bottom > 0,
    isMarked: style.outlineStyle !== "none" };
})()"""


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(("place", "text"), PLACES, ids=[place.partition("/")[0] for place, _ in PLACES])
async def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    page: Page, shop: Shop, place: str, text: str
) -> None:
    await page.open("about:blank")
    await shown(page, f"{shop.url}/#/{place}", text)
    reachable = await page.run("""
      [...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")]
        .filter((one) => one.checkVisibility() && !one.disabled).length""")
    passed = 0
    for _ in range(reachable + 40):
        await page.press("Tab")
        focus = await page.run(FOCUS)
        if focus["isBody"]:
            break
        assert focus["isSeen"], focus
        assert focus["isMarked"], focus
        passed += 1
    assert passed >= min(reachable, 12), (passed, reachable)


async def test_the_first_view_is_soon_of_use(page: Page, shop: Shop) -> None:
    trivial, usable = [], []
    for _ in range(5):
        await page.open("about:blank")
        await page.open(f"{shop.url}/livez")
        trivial.append(await page.run("performance.getEntriesByType('navigation')[0].loadEventEnd"))
        await page.send("Network.clearBrowserCache")
        await page.open("about:blank")
        await page.open(shop.url)
        await page.until("window.usable")
        usable.append(await page.run("window.usable"))
    # A page of a few bytes takes less than 25 ms on a machine that has nothing else to do.
    busy = max(1.0, statistics.median(trivial) / 25)
    assert statistics.median(usable) <= 300 * busy, (trivial, usable)
