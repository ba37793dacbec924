"""How long a gateway takes to say that Redis is unavailable: its timeout for requests is far longer."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from harness.systems.gateways import RunningGateway, running_gateway
from harness.waiting import eventually_async

#: Seconds for one request's questions to Redis, and what no answer below may take.
LONG, SOON = 40.0, 20.0


async def ask(gateway: RunningGateway, method: str, path: str) -> tuple[int, Any]:
    async with asyncio.timeout(SOON):
        return (await gateway.ask(method, path))[:2]


async def health(url: str) -> str:
    words = (sys.executable, "-m", "jobgate.cli", "health", url)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=subprocess.STDOUT)
    said, _ = await process.communicate()
    assert process.returncode == 1
    return said.decode()


@pytest.mark.parametrize(("way", "back"), [("kill", "start"), ("pause", "resume")])
async def test_probes_and_scrapes_are_answered_soon(make_server: Any, way: str, back: str) -> None:
    server = make_server("valkey")
    async with running_gateway(server.url, redis_deadline=LONG) as gateway:
        assert (await ask(gateway, "GET", "/readyz"))[0] == 200
        getattr(server, way)()
        status, problem = await ask(gateway, "GET", "/readyz")
        assert (status, problem["code"]) == (503, "not-ready")
        assert f"{gateway.url}/readyz answers 503" in await health(f"{gateway.url}/readyz")
        status, text = await ask(gateway, "GET", "/metrics")
        assert status == 200
        assert b"jobgate_gateway_redis_up 0.0" in text
        assert b"jobgate_gateway_requests_total" in text
        assert b"queue_depth{" not in text
        getattr(server, back)()  # so that connections can be closed in order


@pytest.mark.parametrize(("way", "back"), [("kill", "start"), ("pause", "resume")])
async def test_a_wait_during_which_redis_goes_away_is_answered_at_about_its_end(
    make_server: Any, way: str, back: str
) -> None:
    server = make_server("valkey")
    async with running_gateway(server.url, redis_deadline=LONG) as gateway:
        assert (await gateway.post("/jobs/add", {"job_id": "a"}))[0] == 202
        asked = [("GET", "/jobs/a/result"), ("GET", "/jobs/a/status"), ("POST", "/jobs/add")]
        waits = [asyncio.create_task(ask(gateway, method, f"{path}?wait=3")) for method, path in asked]

        async def all_wait() -> bool:
            return b"waits_in_flight 3.0" in (await gateway.get("/metrics"))[1]

        await eventually_async(all_wait, what="three waits")
        getattr(server, way)()
        assert [status for status, _ in await asyncio.gather(*waits)] == [503, 503, 202]
        getattr(server, back)()
