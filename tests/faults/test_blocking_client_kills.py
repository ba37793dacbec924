"""Many threads share a blocking client while its gateway is killed again and again: each call runs once."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from harness.forms import LONG
from harness.processes.commands import REPOSITORY, Processes
from jobgate.client import BlockingClient

THREADS = 50
CALLS = 2000 if LONG else 10
#: Seconds between two kills.
PAUSE = 5.0 if LONG else 0.1


@pytest.mark.timeout(1800 if LONG else 150)
def test_each_call_of_each_thread_runs_once(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    processes.worker("harness.functions.client_worker.WorkerSettings", redis_url, cwd=REPOSITORY / "tests")
    gateway = processes.gateway(redis_url)
    port = int(gateway.url.rpartition(":")[2])
    history = tmp_path / "history"
    before = threading.active_count()
    with (
        BlockingClient(gateway.url, request_timeout=60, registry=CollectorRegistry()) as client,
        ThreadPoolExecutor(THREADS) as pool,
    ):

        def calls() -> list[int]:
            return [client.call("append", str(history), _timeout=120) for _ in range(CALLS)]

        running = [pool.submit(calls) for _ in range(THREADS)]
        kills = 0
        while wait(running, timeout=PAUSE).not_done and (LONG or kills < 2):
            gateway.kill()
            gateway = processes.gateway(redis_url, port=port)
            kills += 1
        assert [each.result() for each in running] == [[1] * CALLS] * THREADS
    ran = history.read_text().split()
    assert len(ran) == len(set(ran)) == THREADS * CALLS
    assert kills
    assert threading.active_count() == before
