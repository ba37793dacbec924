"""`/functions`, the live `/openapi.json` and `/docs`: what is shown to whom, and when it changes."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from harness.functions.many_functions import INTEGER, every_form, function, many, parameter
from harness.servers.losing_proxy import proxy_to
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, functions_known, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker, FunctionDocument
from jobgate.broker.catalogue import Catalogue
from jobgate.broker.fleet import live_functions
from jobgate.broker.scripts import script
from jobgate.gateway import new_key
from jobgate.gateway.openapi import descriptions
from jobgate.gateway.ui import PAGE, ui_files, ui_version

PATHS = ("/functions", "/functions/add", "/openapi.json")


def catalogue(functions: Sequence[FunctionDocument]) -> Catalogue:
    return Catalogue({one.name: one for one in functions})


async def announced(gateway: RunningGateway, worker: PlayedWorker, *functions: FunctionDocument) -> None:
    worker.catalogue = catalogue(functions)
    await worker.announce()
    await functions_known(gateway)


def names(document: Any) -> list[str]:
    return [one["name"] for one in document["functions"]]


async def test_functions_are_listed_by_name_as_the_worker_published_them(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await announced(gateway, worker, *every_form())
    status, document, _ = await gateway.get("/functions")
    assert status == 200
    assert names(document) == sorted(one.name for one in every_form())
    (add,) = (one for one in every_form() if one.name == "add")
    more = {"queues": ["arq:queue"], "workers": 1, "versions": 1}
    assert document["functions"][names(document).index("add")] == add.as_json() | more
    assert (await gateway.get("/functions/add"))[1] == add.as_json() | more
    assert (await gateway.get("/functions/cron%3Atidy"))[1]["name"] == "cron:tidy"
    order = document["functions"][names(document).index("order")]
    assert list(order["$defs"]["Item"]["properties"]) == ["name", "count", "color", "tags"]


async def test_without_workers_there_are_none(gateway: RunningGateway) -> None:
    assert (await gateway.get("/functions"))[:2] == (200, {"functions": []})
    status, problem, _ = await gateway.get("/functions/add")
    assert (status, problem["code"], problem["near"]) == (404, "unknown-function", [])


@pytest.mark.parametrize("path", ["/functions", "/openapi.json", "/functions/add"])
async def test_the_first_answer_waits_until_it_is_known_what_workers_offer(
    valkey_server: RedisServer, worker: PlayedWorker, path: str
) -> None:
    await worker.announce()
    async with proxy_to(valkey_server.port) as proxy:
        proxy.lose_answer_to(script("workers").sha.encode())
        async with running_gateway(proxy.url) as gateway:
            await eventually_async(lambda: _is(proxy.lost), what="the first read, without an answer")
            asked = asyncio.create_task(gateway.get(path))
            done, _ = await asyncio.wait([asked], timeout=0.3)
            assert not done
            proxy.reopen()
            status, document, _ = await asked
    assert status == 200
    assert '"add"' in json.dumps(document) or "/jobs/add" in document["paths"]


async def _is(value: bool) -> bool:
    return value


async def test_functions_of_all_queues_in_use_are_known_from_the_first_answer_on(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        mail, hooks = (
            PlayedWorker(broker, f"{name}_one", name=name, queue=name) for name in ("mail", "hook")
        )
        await mail.announce()
        async with running_gateway(redis_url) as gateway:
            assert names((await gateway.get("/functions"))[1]) == ["mail_one"]
            assert "/jobs/mail_one" in (await gateway.get("/openapi.json"))[1]["paths"]
            await hooks.announce()

            async def is_listed() -> bool:
                return names((await gateway.get("/functions"))[1]) == ["hook_one", "mail_one"]

            await eventually_async(is_listed, what="the function of a queue that is new")
            await PlayedWorker(broker, "add").announce()
            await functions_known(gateway)
            status, problem, _ = await gateway.post("/jobs/mail_one")
            assert (status, problem["queues"]) == (404, ["mail"])
        async with running_gateway(redis_url, queues=("hook",)) as gateway:
            assert names((await gateway.get("/functions"))[1]) == ["add", "hook_one"]


async def test_an_idle_gateway_seldom_looks_at_queues_that_nobody_asks_about(redis_url: str) -> None:
    names_of = {script(name).sha: name for name in ("workers", "queues")}
    sent = Counter[str]()
    async with Broker(redis_url) as broker, Redis.from_url(redis_url) as watching:
        await PlayedWorker(broker, "mail_one", queue="mail").announce()
        async with running_gateway(redis_url) as gateway, watching.monitor() as monitor:
            assert names((await gateway.get("/functions"))[1]) == ["mail_one"]
            began = time.monotonic()
            while sent["workers of arq:queue:workers"] < 5:
                command, first, _, key, *_ = f"{(await monitor.next_command())['command']}    ".split(" ")
                if command == "EVALSHA" and first in names_of:
                    sent[f"{names_of[first]} of {key}"] += 1
            looks = (time.monotonic() - began) / live_functions._LOOK_EVERY + 1
    # A look: which queues are in use, who is new there, and who else nobody has asked about.
    assert sent.total() - sent["workers of arq:queue:workers"] <= 3 * looks, sent


async def test_an_unknown_function_has_near_names(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await announced(gateway, worker, *every_form())
    status, problem, _ = await gateway.get("/functions/ordr")
    assert (status, problem["near"][0]) == (404, "order")
    assert (await gateway.get("/functions/a%20b"))[0] == 422


async def test_what_is_unchanged_is_answered_304(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await announced(gateway, worker, *every_form())
    for path in (*PATHS, "/", "/docs", "/ui/frame/app.js"):
        _, _, headers = await gateway.get(path)
        known = {"If-None-Match": headers["ETag"]}
        status, body, again = await gateway.get(path, headers=known)
        assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])
        assert (await gateway.get(path, headers={"If-None-Match": '"other"'}))[0] == 200


async def test_a_change_is_seen_in_the_list_and_in_the_document(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await announced(gateway, worker, function("add", parameter("a", INTEGER)))
    before = [(await gateway.get(path))[2]["ETag"] for path in PATHS]
    await announced(gateway, worker, function("add", parameter("a", INTEGER), parameter("b", INTEGER)))

    async def changed() -> bool:
        _, document, _ = await gateway.get("/functions/add")
        return len(document["parameters"]) == 2

    await eventually_async(changed, what="the change is seen")
    after = [(await gateway.get(path))[2]["ETag"] for path in PATHS]
    assert not set(before) & set(after)
    _, openapi, _ = await gateway.get("/openapi.json")
    body = openapi["paths"]["/jobs/add"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["kwargs"]["required"] == ["a", "b"]


async def test_of_two_versions_the_one_of_most_workers_is_shown(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    old = function("add", parameter("a", INTEGER))
    await announced(gateway, worker, old)
    for number in range(2):
        other = PlayedWorker(worker.broker, name=f"new{number}")
        await announced(gateway, other, function("add", parameter("b", INTEGER)), function("later"))

    async def known() -> bool:
        return bool((await gateway.get("/functions/add"))[1]["workers"] == 3)

    await eventually_async(known, what="all workers are known")
    _, shown, _ = await gateway.get("/functions/add")
    assert (shown["versions"], shown["parameters"][0]["name"]) == (2, "b")
    assert names((await gateway.get("/functions"))[1]) == ["add", "later"]


async def test_two_hundred_functions_have_a_path_each(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await announced(gateway, worker, *many(200))
    _, document, _ = await gateway.get("/openapi.json")
    assert sum(path.startswith("/jobs/") and "{" not in path for path in document["paths"]) == 200


async def test_a_key_sees_what_it_may_enqueue(redis_url: str, worker: PlayedWorker, tmp_path: Path) -> None:
    keys = {"some": new_key("some", ("enqueue:p*",)), "none": new_key("none", ("read:*",))}
    (tmp_path / "keys.toml").write_text("".join(entry for _, entry in keys.values()))
    worker.catalogue = catalogue(every_form())
    await worker.announce()
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway:
        for path in PATHS:
            status, _, headers = await gateway.get(path)
            assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
        some, none = ({"Authorization": f"Bearer {key}"} for key, _ in keys.values())
        assert names((await gateway.get("/functions", headers=some))[1]) == ["pack", "ping"]
        assert names((await gateway.get("/functions", headers=none))[1]) == []
        _, document, _ = await gateway.get("/openapi.json", headers=some)
        shown = [path for path in document["paths"] if path.startswith("/jobs/") and "{" not in path]
        assert shown == ["/jobs/pack", "/jobs/ping"]
        assert "Item" not in document["components"]["schemas"]
        status, problem, _ = await gateway.get("/functions/order", headers=some)
        assert (status, problem["near"]) == (404, [])


async def test_redis_that_was_never_seen_is_503_not_an_empty_list(redis_url: str) -> None:
    async with running_gateway("redis://127.0.0.1:1", redis_deadline=0.5) as gateway:
        for path in (*PATHS, "/schedules"):
            assert (await gateway.get(path))[0] == 503


async def test_pages_are_served_under_a_strict_policy(gateway: RunningGateway) -> None:
    types = {"css": "text/css", "js": "text/javascript"}
    for path in ("/", "/docs", *(f"/ui/{name}" for name in ui_files() if name != PAGE)):
        status, body, headers = await gateway.get(path)
        kind = types.get(path.rpartition(".")[2], "text/html")
        assert (status, headers["Content-Type"]) == (200, f"{kind}; charset=utf-8"), path
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert policy.startswith(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
        )
        assert "frame-ancestors 'none'" in policy
        # An example for a reader, and the name of SVG's namespace: nothing is loaded from there.
        elsewhere = re.sub(rb"https://example\.org|http://www\.w3\.org/2000/svg", b"", body)
        assert b"http:" not in elsewhere, path
        assert b"https:" not in elsewhere, path


def test_all_files_of_the_pages_together_are_small() -> None:
    assert sum(len(file.body) for file in ui_files().values()) <= 150_000


async def test_files_are_kept_under_the_version_that_the_page_names(gateway: RunningGateway) -> None:
    version = ui_version()
    page, headers = (await gateway.get("/"))[1:]
    assert headers["Cache-Control"] == "no-cache"
    named = re.findall(rb'(?:src|href)="ui/([^"]+)"', page)
    assert named
    assert all(path.startswith(f"{version}/".encode()) for path in named)
    kept = "public, max-age=31536000, immutable"
    for path, cache in (
        (f"{version}/frame/app.js", kept),
        ("frame/app.js", "no-cache"),
        ("0/frame/app.js", "no-cache"),
    ):
        status, body, headers = await gateway.get(f"/ui/{path}")
        assert (status, headers["Cache-Control"]) == (200, cache), path
        assert body == ui_files()["frame/app.js"].body


async def test_pages_can_be_switched_off_or_be_without_buttons(redis_url: str) -> None:
    async with running_gateway(redis_url, no_ui=True) as gateway:
        for path in ("/", "/docs", "/ui/frame/app.js"):
            status, problem, _ = await gateway.get(path)
            assert (status, problem["detail"]) == (404, "See /openapi.json for all paths.")
    async with running_gateway(redis_url, read_only_ui=True) as gateway:
        status, page, headers = await gateway.get("/")
        assert b'<html lang="en" data-read-only>' in page
    async with running_gateway(redis_url) as gateway:
        # A browser that knows the other page gets this one.
        status, page, _ = await gateway.get("/", headers={"If-None-Match": headers["ETag"]})
        assert (status, b"data-read-only" in page) == (200, False)


@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "0/index.html",
        "style/tokens.css",
        "__init__.py",
        "..%2Fopenapi.yaml",
        "api",
        "api/",
        "x/../frame%2F..%2Findex.html",
        "frame//app.js",
        "frame/app.js%00",
        "frame/app.js/",
    ],
)
async def test_other_files_are_not_served(gateway: RunningGateway, name: str) -> None:
    assert (await gateway.get(f"/ui/{name}"))[0] == 404


@pytest.mark.parametrize(
    ("path", "made_by"), [("/openapi.json", "live_document"), ("/functions", "as_listed")]
)
async def test_a_description_may_take_longer_than_redis(
    redis_url: str, worker: PlayedWorker, monkeypatch: pytest.MonkeyPatch, path: str, made_by: str
) -> None:
    make = getattr(descriptions, made_by)

    def make_slowly(*given: Any) -> Any:
        time.sleep(0.8)
        return make(*given)

    monkeypatch.setattr(descriptions, made_by, make_slowly)
    async with running_gateway(redis_url, redis_deadline=0.5) as gateway:
        await announced(gateway, worker, function("add", parameter("a", INTEGER)))
        assert (await gateway.get(path))[0] == 200
