"""Event streams as other programs read them: a browser's EventSource, and Node.js."""

import asyncio
import json
from pathlib import Path
from typing import Any

from harness.browser.chromium import open_page, start_browser
from harness.processes.commands import Processes
from harness.servers.cutting_proxy import cutting_proxy
from harness.systems.gateways import PlayedWorker, running_gateway
from harness.tools import require_tool
from jobgate.broker import Broker

#: Collects what an EventSource reports.
FOLLOW = """
globalThis.seen = [];
globalThis.source = new EventSource("/jobs/a/events");
for (const kind of ["status", "progress", "finished"])
  source.addEventListener(kind, ({ data, lastEventId }) =>
    seen.push([kind, JSON.parse(data).status, lastEventId]));
true
"""
NODE = """
const answer = await fetch(process.argv[2]);
let text = "";
for await (const piece of answer.body) text += new TextDecoder().decode(piece);
const events = [...text.matchAll(/^event: (.*)\\nid: (.*)\\ndata: (.*)$/gm)];
console.log(JSON.stringify(events.map(([, kind, , data]) => [kind, JSON.parse(data).status])));
"""


async def seen_by(page: Any, count: int) -> list[list[str]]:
    await page.until(f"seen.length >= {count}")
    found: list[list[str]] = json.loads(await page.run("JSON.stringify(seen)"))
    return found


async def test_a_browser_resumes_by_itself_and_stops_at_the_end(
    redis_url: str, processes: Processes, tmp_path: Path
) -> None:
    browser = start_browser(processes, tmp_path / "profile")
    async with (
        running_gateway(redis_url) as gateway,
        cutting_proxy(gateway.port) as proxy,
        Broker(redis_url) as broker,
        open_page(browser) as page,
    ):
        worker = PlayedWorker(broker)
        await gateway.post("/jobs/f", {"job_id": "a"})
        await page.open(f"{proxy.url}/livez")
        await page.run(FOLLOW)
        await seen_by(page, 1)
        proxy.cut()
        claimed = await worker.claim()
        await seen_by(page, 2)
        await broker.report_progress(claimed.lease, 0.5, "half")
        await seen_by(page, 3)
        proxy.cut()
        await worker.finish(claimed, 1)
        seen = await seen_by(page, 4)
        # It reconnects after each end; the answer 204 stops it.
        await page.until("source.readyState === EventSource.CLOSED")
        assert await seen_by(page, 4) == seen
    assert [event[:2] for event in seen] == [
        ["status", "queued"],
        ["status", "in_progress"],
        ["progress", "in_progress"],
        ["finished", "complete"],
    ]
    assert len({cursor for _, _, cursor in seen}) == 4


async def test_node_reads_a_stream_to_its_end(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "follow.mjs").write_text(NODE)
    async with running_gateway(redis_url) as gateway, Broker(redis_url) as broker:
        await gateway.post("/jobs/f", {"job_id": "a"})
        node = await asyncio.create_subprocess_exec(
            require_tool("node"),
            str(tmp_path / "follow.mjs"),
            f"{gateway.url}/jobs/a/events",
            stdout=asyncio.subprocess.PIPE,
        )
        while "jobgate_gateway_event_streams 1.0" not in (await gateway.get("/metrics"))[1].decode():
            await asyncio.sleep(0.01)
        await PlayedWorker(broker).run_one(1)
        written, _ = await asyncio.wait_for(node.communicate(), 60)
    assert json.loads(written)[-1] == ["finished", "complete"]
