"""The page of functions in a real Chromium: what it shows and calls, hostile texts, keys, the policy."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.browser.chromium import Page, open_page, start_browser
from harness.functions.many_functions import INTEGER, KEYWORD, POSITIONAL, STRING, function, parameter
from harness.processes.commands import Processes
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from jobgate.broker import ClaimedJob, Failure, FailureCode, FunctionDocument
from jobgate.broker.catalogue import Catalogue
from jobgate.gateway import new_key

pytestmark = pytest.mark.early

EVIL = '<img src=x onerror="document.title=`broken`"><script>document.title="broken"</script>'
#: The same as the name of a model, which has no slashes.
EVIL_NAME = "<img src=x onerror='document.title=1'>"
#: A whole example of it has more values than a browser can hold.
WIDE = {
    "type": "object",
    "properties": {f"m{n}": {"$ref": "#/$defs/Wide"} for n in range(150)},
    "required": [f"m{n}" for n in range(150)],
}
ITEMS = {"type": "array", "items": {"$ref": "#/$defs/Item"}}
FUNCTIONS = (
    function("add", parameter("a", INTEGER), parameter("b", INTEGER, default=1), returns=INTEGER),
    function(
        "every",
        parameter("n", {"type": "number"}, kind=POSITIONAL),
        parameter("name", STRING, description="Who it is for."),
        parameter("color", {"$ref": "#/$defs/Color"}),
        parameter("is_on", {"type": "boolean"}),
        parameter("when", {"type": "string", "format": "date-time"}, kind=KEYWORD),
        parameter("items", ITEMS, kind=KEYWORD),
        parameter("note", STRING, kind=KEYWORD, default=""),
        description="Take a value of every kind.\n\nAnd give it back.",
    ),
    function(
        "hostile",
        parameter("x", {"$ref": f"#/$defs/{EVIL_NAME}"}, description=EVIL, default=EVIL),
        parameter("wide", {"$ref": "#/$defs/Wide"}),
        description=EVIL,
        returns={"enum": [EVIL]},
        returns_description=EVIL,
        definitions={
            "Wide": WIDE,
            EVIL_NAME: {"properties": {EVIL: STRING, "__proto__": STRING}, "description": EVIL},
        },
    ),
    FunctionDocument(name="unknown"),
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a browser for all tests of this file."""
    folder = tmp_path_factory.mktemp("browser")
    processes = Processes(folder)
    yield start_browser(processes, folder / "profile")
    processes.end_all()


@pytest.fixture
async def page(browser: str, gateway: RunningGateway) -> AsyncIterator[Page]:
    """A page; at the end, nothing that it did may have been an error or against its policy.

    It ends before its gateway does: else what it is still loading would be an error.
    """
    async with open_page(browser) as opened:
        yield opened
        assert opened.complaints == []


@pytest.fixture
async def published(worker: PlayedWorker) -> PlayedWorker:
    worker.catalogue = Catalogue({one.name: one for one in FUNCTIONS})
    await worker.announce()
    return worker


@pytest.fixture
async def url(published: PlayedWorker, gateway: RunningGateway) -> str:
    return f"{gateway.url}/#/functions"


async def chosen(page: Page, url: str, name: str, **window: Any) -> None:
    await page.open(f"{url}/{name}", **window)
    await page.until(f"document.querySelector('h2')?.textContent === {json.dumps(name)}")


async def call(page: Page) -> None:
    await page.run("document.querySelector('.outcome').replaceChildren()")
    await page.press("Enter")


async def answered(page: Page, worker: PlayedWorker, returned: Any = None, **more: Any) -> ClaimedJob:
    """End the job that the page has enqueued, and wait until the page shows the outcome."""
    claimed = await asyncio.wait_for(worker.run_one(returned, **more), 20)
    await page.until("document.querySelector('.outcome h4')")
    return claimed


async def test_it_lists_functions_and_shows_the_one_that_is_chosen(page: Page, url: str) -> None:
    await page.open(url)
    await page.until("document.querySelector('h2')")
    assert (await page.text("#list")).split() == ["add", "every", "hostile", "unknown"]
    assert await page.text("h2") == "add"
    await page.fill("#filter", "every kind")
    assert await page.text("#list") == "every"
    await page.click("#list a")
    await page.until("document.querySelector('h2').textContent === 'every'")
    text = await page.text("main")
    for said in ("Take a value of every kind.", "Who it is for.", "only in args", '"red" or "green"'):
        assert said in text
    for said in ("list of Item", "date and time", "One line of an order.", "integer, more than 0"):
        assert said in text
    await page.fill("#filter", "nothing like it")
    assert await page.text("#none") != ""


async def test_a_link_to_a_model_keeps_the_address_of_the_function(page: Page, url: str) -> None:
    await chosen(page, url, "every")
    await page.run("document.querySelector('main table a[href*=\"model=Item\"]').click()")
    await page.until("scrollY > 0 && location.hash === '#/functions/every?model=Item'")


async def test_the_address_docs_leads_to_it(page: Page, url: str) -> None:
    docs = url.replace("/#/functions", "/docs")
    await page.open("about:blank")
    for end, hash_ in (("", "#/functions"), ("#/every", "#/functions/every"), ("#model-Item", "#/functions")):
        await page.send("Page.navigate", url=f"{docs}{end}")
        name = hash_.partition("/functions/")[2] or "add"
        await page.until(f"document.querySelector('h2')?.textContent === {json.dumps(name)}")
        assert await page.run("location.pathname + location.hash") == f"/{hash_}"


async def test_the_example_of_a_limited_number_is_a_number(page: Page, url: str) -> None:
    await page.open(url)
    price = {"anyOf": [{"type": "number", "allOf": [{"multipleOf": 0.01}]}, {"type": "string"}]}
    shown = await page.run(
        f"import('./ui/calls/schemas.js').then((one) => one.example({{}}, {json.dumps(price)}))"
    )
    assert shown == 1.5


async def test_a_call_shows_its_result(page: Page, url: str, published: PlayedWorker) -> None:
    await chosen(page, url, "add")
    await page.fill("#field-a", "9007199254740993")
    assert '-d \'{"kwargs": {"a": 9007199254740993}}\'' in await page.text("pre.curl")
    await call(page)
    claimed = await answered(page, published, 9007199254740994)
    assert claimed.body is not None
    assert published.broker.decode_job(claimed.body).kwargs == {"a": 9007199254740993}
    assert (await page.text(".outcome")).startswith("Result\n9007199254740994")


@pytest.mark.parametrize(("args", "text"), [("", "{}"), ("[1]", '{"args": [1]}')])
async def test_a_function_of_another_queue_alone_is_called_there(
    page: Page, url: str, published: PlayedWorker, args: str, text: str
) -> None:
    mailer = PlayedWorker(published.broker, "mail_one", name="mailer", queue="mail")
    await mailer.announce()
    await chosen(page, url, "mail_one")
    await page.fill("#field-args", args)
    await page.run("document.querySelector('.outcome').replaceChildren()")
    await page.click("form.trial [type=submit]")
    claimed = await answered(page, mailer, "sent")
    assert claimed.body is not None
    assert (await page.text(".outcome")).startswith('Result\n"sent"')
    body = text.replace("{", '{"queue": "mail", ', 1).replace(", }", "}")
    assert f"-d '{body}'" in await page.text("pre.curl")
    await page.run("document.querySelector('.outcome').replaceChildren()")
    await page.click("form.trial [type=submit]")
    await answered(page, mailer, "sent again")
    page.complaints.clear()  # the browser notes the 404 that named the queue


async def test_it_works_below_a_base_path(page: Page, published: PlayedWorker, redis_url: str) -> None:
    async with running_gateway(redis_url, base_path="/our/jobgate") as gateway:
        await chosen(page, f"{gateway.url}/our/jobgate/#/functions", "add")
        await page.fill("#field-a", "1")
        assert f"{gateway.url}/our/jobgate/jobs/add" in await page.text("pre.curl")
        await call(page)
        await answered(page, published, 2)
        assert (await page.text(".outcome")).startswith("Result\n2")
        await page.open("about:blank")


async def test_fields_send_values_of_their_types(page: Page, url: str, published: PlayedWorker) -> None:
    await chosen(page, url, "every")
    for name, text in (("n", "1.50"), ("name", "ä\"'<b>"), ("items", '[{"name": "x",\n "count": 2}]')):
        await page.fill(f"#field-{name}", text)
    await page.choose("#field-color", '"green"')
    await page.choose("#field-is_on", "false")
    await page.choose("#field-when", "2026-07-01T12:30")
    await page.click("button[type=submit]")
    claimed = await answered(page, published, {"a": [1]})
    body = published.broker.decode_job(claimed.body or b"")
    assert list(body.args) == [1.5]
    moment = await page.run("new Date('2026-07-01T12:30').toISOString()")
    assert body.kwargs == {
        "name": "ä\"'<b>",
        "color": "green",
        "is_on": False,
        "when": moment,
        "items": [{"name": "x", "count": 2}],
    }


async def test_a_failure_is_shown(page: Page, url: str, published: PlayedWorker) -> None:
    await chosen(page, url, "unknown")
    await page.fill("#field-args", "[1]")
    await page.click("button[type=submit]")
    await answered(page, published, failure=Failure(type="ValueError", message=EVIL, code=FailureCode.ERROR))
    assert f"ValueError: {EVIL}" in await page.text(".outcome")


async def test_errors_stand_at_their_fields(page: Page, url: str) -> None:
    await chosen(page, url, "add")
    await page.fill("#field-a", "1.5")
    await page.fill("#field-b", "x")
    await page.press("Enter")
    assert await page.text("#error-b") == "Enter a number."
    await page.fill("#field-b", "2")
    await page.press("Enter")
    await page.until("document.querySelector('#error-a').textContent")
    assert "integer" in await page.text("#error-a")
    assert await page.run("document.activeElement.id") == "field-a"
    await chosen(page, url, "every")
    await page.fill("#field-items", '[{"name": "x", "count": "y"}]')
    for name, value in (("n", "1"), ("name", "x")):
        await page.fill(f"#field-{name}", value)
    await page.choose("#field-when", "2026-07-01T12:30")
    await page.click("button[type=submit]")
    await page.until("document.querySelector('#error-items').textContent")
    assert (await page.text("#error-items")).startswith("0 › count: ")
    page.complaints.clear()  # the browser notes each answer of 4xx


async def test_hostile_texts_stay_texts(page: Page, url: str) -> None:
    await chosen(page, url, "hostile")
    assert await page.run("document.querySelectorAll('main img, main script').length") == 0
    assert await page.run("document.title") == "hostile · jobgate"
    text = await page.text("main")
    assert (text.count(EVIL), text.count(EVIL_NAME)) == (5, 2)


async def test_functions_of_a_worker_that_starts_later_appear(
    page: Page, gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await page.open(f"{gateway.url}/#/functions")
    await page.until("document.querySelector('#state').textContent.startsWith('No live worker')")
    worker.catalogue = Catalogue({"late": FunctionDocument(name="late")})
    await worker.announce()
    await page.until("document.querySelector('h2')?.textContent === 'late'")


async def test_without_a_function_of_that_name_it_says_so(page: Page, url: str) -> None:
    await page.open(f"{url}/no%20such")
    await page.until("document.querySelector('article p')")
    assert (await page.text("article")).startswith("No live worker offers this function.")


async def test_it_works_with_the_keyboard_alone(page: Page, url: str, published: PlayedWorker) -> None:
    await page.open(url)
    await page.until("document.querySelector('h2')")
    for _ in range(9):  # the link that skips the header, what is in the header, the filter
        await page.press("Tab")
    assert await page.run("document.activeElement.id") == "filter"
    await page.send("Input.insertText", text="add")
    await page.press("Tab")
    await page.press("Enter")
    await page.until("document.activeElement.id === 'function' && location.hash === '#/functions/add'")
    await page.run("document.querySelector('#field-a').focus()")
    await page.send("Input.insertText", text="1")
    await page.press("Tab")
    await page.send("Input.insertText", text="2")
    await page.press("Tab")
    await page.press("Enter")
    await answered(page, published, 3)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_a_narrow_window_shows_everything(page: Page, url: str, dark: bool, tmp_path: Path) -> None:
    for name in ("every", "hostile"):
        await chosen(page, url, name, width=320, height=600, dark=dark)
        assert await page.run("document.documentElement.scrollWidth") <= 320
    dark_background = await page.run("getComputedStyle(document.body).backgroundColor === 'rgb(16, 19, 23)'")
    assert dark_background is dark


async def test_where_keys_are_in_use_it_asks_for_one(
    page: Page, redis_url: str, published: PlayedWorker, tmp_path: Path
) -> None:
    key, entry = new_key("somebody", ("enqueue:add", "read"))
    (tmp_path / "keys.toml").write_text(entry)
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway:
        await page.open(f"{gateway.url}/#/functions")
        await page.until("document.querySelector('#key-text')")
        await page.fill("#key-text", "wrong")
        await page.press("Enter")
        await page.until("document.querySelector('#key-error').textContent")
        await page.fill("#key-text", key)
        await page.press("Enter")
        await page.until("document.querySelector('h2')?.textContent === 'add'")
        assert await page.text("#list") == "add"
        assert '-H "Authorization: Bearer $KEY"' in await page.text("pre.curl")
        await page.fill("#field-a", "1")
        await call(page)
        await answered(page, published, 2)
        kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
        assert key not in await page.run(f"{kept} + document.documentElement.outerHTML")
    page.complaints.clear()  # the browser notes each 401


async def test_the_policy_is_in_force(page: Page, url: str) -> None:
    await page.open(url)
    script = """new Promise((done) => {
      addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
      document.body.append(Object.assign(document.createElement("script"), { textContent: "1" }));
    })"""
    assert await page.run(script) == "script-src-elem"
    page.complaints.clear()
