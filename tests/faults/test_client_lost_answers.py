"""Answers get lost on their way: no call is lost and none runs twice."""

import asyncio
import random
from pathlib import Path

from prometheus_client import CollectorRegistry

from harness.forms import LONG
from harness.processes.commands import REPOSITORY, Processes
from harness.servers.losing_proxy import Proxy
from jobgate.client import Client

CALLS = 5000 if LONG else 300
LOSS = 0.1


class LossyProxy(Proxy):
    """Cuts a connection instead of passing on one answer in ten."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._random = random.Random(7)
        self.cuts = 0

    async def _answers(
        self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while data := await upstream.read(1 << 20):
            if self._random.random() < LOSS:
                self.cuts += 1
                break
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


async def test_every_call_is_answered_and_runs_once(
    processes: Processes, redis_url: str, tmp_path: Path
) -> None:
    processes.worker("harness.functions.client_worker.WorkerSettings", redis_url, cwd=REPOSITORY / "tests")
    proxy = LossyProxy(int(processes.gateway(redis_url).url.rpartition(":")[2]))
    history = tmp_path / "history"
    await proxy.start()
    async with Client(proxy.url.replace("redis:", "http:"), registry=CollectorRegistry()) as client:
        places = asyncio.Semaphore(20)

        async def one() -> str:
            async with places:
                if random.random() < 0.5:
                    assert await client.call("append", str(history), _timeout=100) == 1
                    return "call"
                job = await client.enqueue("append", str(history))
                assert await job.result(timeout=100) == 1
                return job.id

        done = await asyncio.gather(*(one() for _ in range(CALLS)))
    await proxy.stop()
    assert proxy.cuts > CALLS * LOSS / 4
    run = history.read_text().split()
    assert len(run) == len(set(run)) == CALLS
    assert {job_id for job_id in done if job_id != "call"} <= set(run)
