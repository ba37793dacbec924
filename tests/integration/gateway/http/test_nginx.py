"""A real nginx in front of the gateway: base paths of both kinds, and who the client is."""

import asyncio
import getpass
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from harness.http.event_streams import events_of
from harness.http.line_streams import line_stream
from harness.processes.commands import Processes
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.tools import free_port, require_tool

#: As docs/tls.md shows them.
PLACE = """
location {path} {{
  proxy_pass {upstream};
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_buffering off;
  proxy_request_buffering off;
  {more}
}}
"""
CONFIGURATION = """
pid nginx.pid;
error_log stderr notice;
daemon off;
user {user};
events {{}}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    {places}
  }}
}}
"""


@asynccontextmanager
async def nginx(processes: Processes, folder: Path, places: str) -> AsyncIterator[RunningGateway]:
    """Yield a session and the URL of an nginx with these places."""
    port = free_port()
    (folder / "nginx.conf").write_text(CONFIGURATION.format(user=getpass.getuser(), port=port, places=places))
    words = ["-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    processes.start(*words, program=require_tool("nginx")).wait_for_log("start worker process")
    async with aiohttp.ClientSession() as session:
        yield RunningGateway(f"http://127.0.0.1:{port}", session)


async def test_both_kinds_of_base_paths(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    async with (
        running_gateway(redis_url, base_path="/kept") as kept,
        running_gateway(redis_url) as removed,
    ):
        places = PLACE.format(path="/kept/", upstream=kept.url, more="")
        more = "proxy_redirect / /removed/;"
        places += PLACE.format(path="/removed/", upstream=f"{removed.url}/", more=more)
        async with nginx(processes, tmp_path, places) as front:
            for base in ("/kept", "/removed"):
                assert (await front.get(f"{base}/readyz"))[0] == 200
                status, job, headers = await front.post(f"{base}/jobs/add", {"args": [1, 2]})
                # Where nginx changes it, it also makes it absolute.
                location = headers["Location"].removeprefix(front.url)
                assert (status, location) == (202, f"{base}/jobs/{job['job_id']}/status")
                assert (await front.get(location))[0] == 200
                page = (await front.get(f"{base}/docs"))[1].decode()
                (program,) = re.findall(r'src="(ui/\w+/frame/app\.js)"', page)
                assert (await front.get(f"{base}/{program}"))[0] == 200
            # Ids of stock arq may hold slashes: only a proxy that passes paths on unchanged keeps them.
            status, problem, _ = await front.get("/kept/jobs/a%2Fb/status")
            assert (status, problem["code"]) == (404, "job-not-found")
            _, document, _ = await front.get("/kept/openapi.json")
            assert document["servers"] == [{"url": "/kept"}]


async def test_the_client_s_address_on_a_port_and_on_a_unix_socket(
    processes: Processes, redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="jobgate.gateway.access")
    path = tmp_path / "jobgate.sock"
    options = {"access_log": True, "trusted_proxies": ("127.0.0.1", "unix")}
    async with (
        running_gateway(redis_url, **options) as port,
        running_gateway(redis_url, unix_socket=path, **options),
    ):
        places = PLACE.format(path="/jobs", upstream=port.url, more="")
        places += PLACE.format(path="/functions", upstream=f"http://unix:{path}", more="")
        async with nginx(processes, tmp_path, places) as front:
            for place in ("/jobs", "/functions"):
                forged = {"X-Forwarded-For": "6.6.6.6, 1.2.3.4", "Forwarded": "for=6.6.6.6"}
                assert (await front.get(place, headers=forged))[0] == 200
                # nginx has added our own address, a trusted proxy's too: before it stands the client.
                assert '"client": "1.2.3.4"' in caplog.messages[-1]
            assert '"remote": "unix"' in caplog.messages[-1]
            # A page of the name under which nginx is known may call.
            for origin, status in ((front.url, 202), ("http://example.com", 403)):
                assert (await front.post("/jobs/add", headers={"Origin": origin}))[0] == status


async def test_lines_and_events_arrive_as_they_are_sent(
    processes: Processes, redis_url: str, worker: PlayedWorker, tmp_path: Path
) -> None:
    async with running_gateway(redis_url) as gateway:
        place = PLACE.format(path="/", upstream=gateway.url, more="")
        async with nginx(processes, tmp_path, place) as front, line_stream(front.port) as stream:
            await stream.send('{"function": "add", "job_id": "a"}')
            assert (await stream.result())["status"] == 202
            async with events_of(front.session, f"{front.url}/jobs/a/events") as events:
                assert (await events.next()).brief == ("status", "queued", 0)
                # More than the largest body of other requests.
                await stream.send(*[f'{{"function": "add", "args": ["{"x" * 2000}"]}}'] * 1000)
                assert [(await stream.result())["status"] for _ in range(1000)] == [202] * 1000
                await stream.finish()
                assert len(await stream.rest()) == 1001
                await worker.run_one()
                assert [one.brief[1] for one in await events.rest()][-1] == "complete"


HOSTILE = [
    "x" * 8000,
    "1.2.3.4, " * 800,
    ", " * 3000,
    '"' * 5000,
    "[::1" + "]" * 100,
    "unknown, _hidden, _SEVKISEK:1",
    "999.999.999.999",
    "::ffff:999.1.1.1",
    "[2001:db8::1]:99999999",
    "1.2.3.4\t\t",
    "\x80\xff\xe9",
    'for="[::1]:x";by=;host="\\',
    "=;=;==,;;for=for=for",
]


async def test_hostile_headers_are_never_a_fault_of_the_gateway(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for header in ("x-forwarded-for", "forwarded"):
        options = {"trusted_proxies": ("127.0.0.1", "::1"), "proxy_header": header, "access_log": True}
        async with running_gateway(redis_url, **options) as gateway:
            for value in HOSTILE:
                names = ("X-Forwarded-For", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto")
                head = "".join(f"{name}: {value}\r\n" * 3 for name in names)
                reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                line = f"POST /jobs/add HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n{head}"
                writer.write(f"{line}Content-Length: 0\r\nConnection: close\r\n\r\n".encode("latin-1"))
                status = int((await reader.read()).split()[1])
                assert status in {202, 400, 431}, value
                writer.close()
    assert "failed" not in caplog.text
