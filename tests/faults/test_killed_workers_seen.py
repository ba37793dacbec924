"""What `/workers` shows of a worker process that is killed, beside one that takes over its job."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from harness.forms import LONG
from harness.processes.commands import Process, Processes
from harness.servers.redis_server import RedisServer
from harness.systems.fleet import Fleet
from harness.waiting import eventually

JOBS = """
import asyncio

async def hold(ctx):
    await asyncio.sleep(600)

class WorkerSettings:
    functions = [hold]
"""


def get(gateway: Process, path: str) -> Any:
    with urllib.request.urlopen(f"{gateway.url}{path}", timeout=30) as answer:
        return json.load(answer)


def of_process(gateway: Process, pid: int) -> Any:
    """Return what is shown of the worker of a process that runs a job; None if there is none."""
    workers = get(gateway, "/workers")["workers"]
    return next((one for one in workers if one["pid"] == pid and one["running"]), None)


@pytest.mark.timeout(120)
def test_a_killed_worker_is_shown_until_its_record_expires(
    processes: Processes, valkey_server: RedisServer, redis_url: str, tmp_path: Path
) -> None:
    gateway = processes.gateway(redis_url)
    fleet = Fleet(processes, tmp_path, redis_url, JOBS)
    worker = fleet.start()
    urllib.request.urlopen(f"{gateway.url}/jobs/hold", b'{"job_id":"a"}', timeout=30).close()
    before = eventually(lambda: of_process(gateway, worker.pid), what="the running job")
    assert [(job["job_id"], job["function"]) for job in before["running"]] == [("a", "hold")]
    worker.kill()
    with valkey_server.client() as client:
        for key in (f"arq:queue:worker:{before['worker']}", f"arq:queue:vitals:{before['worker']}"):
            assert 0 < client.pttl(key) <= 15_000
    after = of_process(gateway, worker.pid)
    assert after["heartbeat_time"] >= before["heartbeat_time"]
    assert get(gateway, "/queues/arq:queue")["workers"] == 1
    if not LONG:
        return
    other = fleet.start()
    taken = eventually(lambda: of_process(gateway, other.pid), what="the job, taken over")
    eventually(
        lambda: [one["pid"] for one in get(gateway, "/workers")["workers"]] == [other.pid],
        what="the end of the killed worker's record",
    )
    assert taken["running"][0]["start_time"] > before["running"][0]["start_time"]
    assert get(gateway, "/queues/arq:queue")["workers"] == 1
