"""Many jobs each way between jobgate and each version of stock arq: none lost, none twice, results equal.

`--log-cli-level=INFO` shows the figures; the `long` form runs 10,000 jobs each way.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
import redis

from harness.arq.stock import INTEROP, arq_script, arq_worker, last_words
from harness.arq.versions import RUNNING_VERSIONS
from harness.processes.commands import Processes
from harness.systems.gateways import RunningGateway

logger = logging.getLogger("interop")

RUNS = "test:runs"
#: Keys of jobs that have not ended.
OF_UNFINISHED = (b"arq:job:", b"arq:in-progress:", b"arq:retry:")
#: Callers at a time; the function `work` fails for one number in ten.
AT_ONCE = 100

pytestmark = [
    pytest.mark.parametrize("version", RUNNING_VERSIONS),
    pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.long)]),
]


def expected(number: int) -> Any:
    """How the job with this number has to end."""
    if number % 10 == 9:
        return ["ValueError", f"not {number}"]
    value = {"number": number, "text": "ü" * (number % 5), "list": [number / 4, None, [str(number)]]}
    return ["result", value]


def check(way: str, redis_url: str, count: int, outcomes: Mapping[int, Any], seconds: float) -> None:
    """Hold what was asked for, what was run and what was answered against each other."""
    with redis.Redis.from_url(redis_url) as client:
        runs: Any = client.hgetall(RUNS)
        left = [key for key in client.scan_iter(count=1000) if key.startswith(OF_UNFINISHED)]
        queued = client.zcard("arq:queue")
    asked = {f"job-{number}".encode() for number in range(count)}
    answered = {f"job-{number}".encode() for number in outcomes}
    ledger = {
        "lost": len(asked - runs.keys() | asked - answered),
        "unexpected": len(runs.keys() - asked | answered - asked),
        "duplicated": sum(times != b"1" for times in runs.values()),
        "wrong": sum(outcome != expected(number) for number, outcome in outcomes.items()),
    }
    logger.info("%s: %d jobs in %.1f s, %s", way, count, seconds, ledger)
    assert ledger == dict.fromkeys(ledger, 0)
    assert (left, queued) == ([], 0)


async def outcome_over_http(http: RunningGateway, number: int) -> Any:
    """Call the function, or enqueue a job and ask for its result: every other time."""
    job_id, waits = f"job-{number}", number % 2
    headers = {"Prefer": "wait=60"} if waits else {}
    document = {"args": [number], "job_id": job_id}
    status, body, _ = await http.post("/jobs/work", document, headers=headers)
    if not waits:
        assert status == 202, body
        status, body, _ = await http.get(f"/jobs/{job_id}/result?wait=60")
    assert status == 200, body
    assert body["job_id"] == job_id
    return (
        ["result", body["result"]] if body["success"] else [body["error"]["type"], body["error"]["message"]]
    )


@pytest.mark.timeout(600)
async def test_from_http_to_stock_workers(
    processes: Processes, redis_url: str, version: str, count: int
) -> None:
    for _ in range(2):
        arq_worker(processes, redis_url, version=version, POLL_DELAY="0.02")
    gateway = processes.gateway(redis_url, "--serializer", "pickle")
    numbers, outcomes, started = iter(range(count)), {}, time.monotonic()
    async with aiohttp.ClientSession() as session:
        http = RunningGateway(gateway.url, session)

        async def caller() -> None:
            for number in numbers:
                outcomes[number] = await outcome_over_http(http, number)

        await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    check(f"HTTP to arq {version}", redis_url, count, outcomes, time.monotonic() - started)


@pytest.mark.timeout(600)
def test_from_a_stock_client_to_jobgates_workers(
    processes: Processes, redis_url: str, version: str, count: int
) -> None:
    words = ("worker", "fleet_functions.WorkerSettings", "--redis", redis_url, "--serializer", "pickle")
    for _ in range(2):
        processes.start(*words, cwd=INTEROP, env={"PYTHONPATH": str(INTEROP)})
    started = time.monotonic()
    client = arq_script(processes, "arq_many_jobs.py", redis_url, str(count), version=version)
    outcomes = {number: [kind, value] for number, kind, value in last_words(client, 500)}
    check(f"arq {version} to jobgate", redis_url, count, outcomes, time.monotonic() - started)
