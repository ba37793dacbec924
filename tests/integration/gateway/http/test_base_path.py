"""A gateway below a base path: routes, Location, the description, and nothing outside."""

import re
from collections.abc import AsyncIterator

import pytest

from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.tools import free_port
from jobgate.client import Client
from jobgate.gateway import GatewayError, GatewaySettings

BASE = "/our/jobgate"


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[RunningGateway]:
    async with running_gateway(redis_url, base_path=BASE) as running:
        yield running


async def test_all_is_served_below_it_and_nothing_outside(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await worker.announce()
    for path in ("/livez", "/readyz", "/metrics", "/functions", "/jobs", "/", "/docs", "/ui/frame/app.js"):
        assert (await gateway.get(BASE + path))[0] == 200
        for outside in (path, f"/our{path}", f"{BASE}x{path}", f"{BASE}{BASE}{path}", f"{BASE}/{path}"):
            status, problem, _ = await gateway.get(outside)
            assert (status, problem["code"]) == (404, "not-found")
            assert problem["detail"].startswith(f"See {BASE}/docs for all functions, and {BASE}/openapi.json")
    for path in ("", "/"):
        assert (await gateway.get(path))[0] == 404
    for page in ("/", "/docs"):
        text = (await gateway.get(f"{BASE}{page}"))[1]
        assert not re.search(rb'(href|src)="/', text), "its links are relative"
    _, document, _ = await gateway.get(f"{BASE}/openapi.json")
    assert document["servers"] == [{"url": BASE}]
    assert "/jobs/{function}" in document["paths"]


async def test_without_its_slash_it_leads_to_the_dashboard(gateway: RunningGateway, redis_url: str) -> None:
    status, _, headers = await gateway.get(BASE, allow_redirects=False)
    assert (status, headers["Location"]) == (308, f"{BASE}/")
    assert b"<title>jobgate</title>" in (await gateway.get(BASE))[1]
    assert (await gateway.post(BASE))[0] == 404
    async with running_gateway(redis_url, base_path=BASE, no_ui=True) as other:
        assert (await other.get(BASE))[0] == 404


async def test_locations_lead_below_it(gateway: RunningGateway) -> None:
    for status in (202, 409):
        found, _, headers = await gateway.post(f"{BASE}/jobs/add", {"job_id": "mine"})
        assert (found, headers["Location"]) == (status, f"{BASE}/jobs/mine/status")
    assert (await gateway.get(headers["Location"]))[0] == 200
    status, _, headers = await gateway.ask("DELETE", f"{BASE}/jobs/mine/status")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


async def test_the_client_takes_it_in_its_url(gateway: RunningGateway) -> None:
    for end in ("", "/"):
        async with Client(gateway.url + BASE + end) as client:
            job = await client.enqueue("add", 1)
            assert (await job.info()).function == "add"


async def test_the_metrics_port_has_none(redis_url: str) -> None:
    port = free_port()
    async with running_gateway(redis_url, base_path=BASE, metrics_port=port) as gateway:
        for path, status in (("/metrics", 200), ("/livez", 200), (f"{BASE}/metrics", 404)):
            async with gateway.session.get(f"http://127.0.0.1:{port}{path}") as answer:
                assert answer.status == status


@pytest.mark.parametrize(
    "path", ["jobgate", "/", "/jobgate/", "//a", "/a//b", "/a b", "/%41", "/..", "/a/./b", "/ä"]
)
def test_other_base_paths_are_refused(path: str) -> None:
    with pytest.raises(GatewayError, match="base_path must begin with a slash"):
        GatewaySettings(base_path=path)
