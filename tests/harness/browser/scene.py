"""Fills a Redis with what a shop's day leaves there: jobs in all states, failures, an hour of counters.

`python -m harness.browser.scene` in the folder `tests` starts everything on port 8090, until Ctrl-C.
Its argument is another port.
"""

import asyncio
import contextlib
import math
import random
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import redis

from harness.processes.commands import Process, Processes
from harness.servers.redis_server import RedisServer
from harness.tools import valkey_binary
from jobgate.broker import TIME_BOUNDS, WINDOW

#: Functions of each queue with a weight: how many jobs of it there are in a minute.
RATES: Mapping[str, Mapping[str, float]] = {
    "arq:queue": {"send_invoice": 22, "export_orders": 0.1, "sync_stock": 0.5},
    "shop:billing": {"charge_card": 14},
    "shop:images": {"resize_image": 9},
}
LANGUAGES = ("en", "de", "fr")


def arguments(function: str, number: int) -> dict[str, Any]:
    """Return arguments for the job of this number."""
    made: dict[str, dict[str, Any]] = {
        "send_invoice": {"number": number, "lang": LANGUAGES[number % 3]},
        "charge_card": {"order": f"A-{10_000 + number}", "cents": 990 + 37 * number},
        "resize_image": {"path": f"products/{number}.jpg", "width": 800},
        "export_orders": {"year": 2020 + number % 6},
        "sync_stock": {"warehouse": ("berlin", "lyon")[number % 2]},
        "newsletter": {"issue": number},
    }
    return made[function]


def seed_counters(url: str, minutes: int = 59) -> None:
    """Write the counters of the last hour, as workers and gateways would have done."""
    with redis.Redis.from_url(url) as server:
        last = int(time.time()) // 60
        for queue, functions in RATES.items():
            for minute in range(last - minutes, last):
                _count_minute(server, f"{queue}:job-activity:{minute}", functions, minute)


def _count_minute(server: Any, key: str, functions: Mapping[str, float], minute: int) -> None:
    for function, rate in functions.items():
        count = round(rate * (1 + 0.6 * math.sin(minute / 7)) * random.uniform(0.6, 1.4))
        failed = sum(random.random() < 0.04 for _ in range(count)) + (minute % 29 == 0)
        counts = {"enqueued": count + failed, "succeeded": count, "failed": failed, "retried": count // 9}
        for kind, number in counts.items():
            if number:
                server.hincrby(key, f"{kind} {function}", number)
    server.expire(key, 7200)


#: Medians of run times in seconds.
MEDIANS: Mapping[str, float] = {
    "send_invoice": 0.06, "charge_card": 0.2, "resize_image": 0.8, "export_orders": 40, "sync_stock": 3,
}  # fmt: skip


def seed_times(url: str, hours: int = 24) -> None:
    """Write the histograms of a day, as workers would have done; send_invoice has become slower."""
    with redis.Redis.from_url(url) as server:
        last = int(time.time()) // WINDOW
        for window in range(last - hours * 6 + 1, last + 1):
            key = f"arq:queue:function-times:{window}"
            for function, rate in ((name, rate) for each in RATES.values() for name, rate in each.items()):
                slow = 2.4 if function == "send_invoice" and window > last - 5 else 1
                for _ in range(max(1, round(rate * 4))):
                    run = random.lognormvariate(math.log(MEDIANS[function] * slow), 0.5)
                    for kind, seconds in (("r", run), ("w", random.expovariate(80))):
                        letter = chr(ord("a") + bisect_left(TIME_BOUNDS, seconds))
                        server.hincrby(key, f"{kind}{letter} {function}", 1)
            server.expire(key, 86_400)


async def enqueue_some(url: str, seconds: float) -> None:
    """Enqueue jobs at the rates of the shop for some time."""
    until, number = time.monotonic() + seconds, 0
    async with aiohttp.ClientSession(url) as session:
        while time.monotonic() < until:
            for queue, functions in RATES.items():
                for function, rate in functions.items():
                    if random.random() < rate / 60:
                        number += 1
                        await _enqueue(session, function, number, queue=queue)
            await asyncio.sleep(0.5)


async def _enqueue(session: aiohttp.ClientSession, function: str, number: int, **options: Any) -> str:
    document = {"kwargs": arguments(function, number), **options}
    async with session.post(f"/jobs/{function}", json=document) as answer:
        assert answer.status == 202, await answer.text()
        return str((await answer.json())["job_id"])


async def seed_jobs(url: str) -> None:
    """Enqueue jobs of every kind, also deferred ones, ones that nobody runs, and ones that fail."""
    async with aiohttp.ClientSession(url) as session:
        for number in range(1, 31):
            await _enqueue(session, "send_invoice", number, queue="arq:queue")
            await _enqueue(session, "charge_card", number, queue="shop:billing")
        for number in range(1, 9):
            await _enqueue(session, "resize_image", number, queue="shop:images")
            await _enqueue(session, "send_invoice", number, queue="arq:queue", defer_by=600 * number)
        for number in range(2):
            await _enqueue(session, "sync_stock", number, queue="arq:queue")
            await _enqueue(session, "export_orders", number, queue="arq:queue", job_id=f"export-{number}")
        for number in range(4):
            await _enqueue(session, "send_invoice", number, queue="shop:newsletter")
        async with session.post("/queues/shop:images/pause") as answer:
            assert answer.status == 200


def start(processes: Processes, redis_url: str, *options: str, port: int | None = None) -> Process:
    """Start two workers and a gateway, and return the gateway."""
    gateway = processes.gateway(redis_url, *options, port=port)
    for _ in range(2):
        processes.worker("harness.functions.shop.WorkerSettings", redis_url, cwd=Path(__file__).parents[2])
    return gateway


def main(port: int = 8090) -> None:
    """Serve the scene until Ctrl-C, with new jobs all the time."""
    folder = Path(tempfile.mkdtemp(prefix="scene-"))
    server = RedisServer(valkey_binary(), folder / "redis").start()
    processes = Processes(folder)
    try:
        seed_counters(server.url)
        seed_times(server.url)
        gateway = start(processes, server.url, port=port)
        asyncio.run(seed_jobs(gateway.url))
        sys.stdout.write(f"{gateway.url} redis {server.url}\n")
        sys.stdout.flush()
        asyncio.run(enqueue_some(gateway.url, 86_400))
    finally:
        processes.end_all()
        server.stop()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*map(int, sys.argv[1:2]))
