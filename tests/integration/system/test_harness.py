"""The servers and processes that all other tests stand on."""

import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from harness.family import alive
from harness.processes import Processes
from harness.servers import RedisServer
from harness.waiting import eventually


def test_server_keeps_its_data_over_a_restart(server: RedisServer) -> None:
    with server.client() as client:
        client.set("seen", "yes")
    server.restart()
    with server.client() as client:
        assert client.get("seen") == b"yes"


def test_server_starts_each_test_empty_and_running(server: RedisServer) -> None:
    with server.client() as client:
        client.set("left", "over")
    server.kill()
    server.reset()
    with server.client() as client:
        assert client.dbsize() == 0


def test_paused_server_answers_nothing(server: RedisServer) -> None:
    server.pause()
    with server.client(timeout=0.2) as client, pytest.raises(redis.TimeoutError):
        client.ping()
    server.resume()
    with server.client() as client:
        assert client.ping()


def test_version_of_the_real_command(processes: Processes) -> None:
    process = processes.start("--version")
    assert process.wait() == 0
    assert process.log.startswith("jobgate 0.")


def test_children_die_with_a_killed_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not alive(child), what="the end of the child")


def test_server_outlives_the_thread_that_started_it(make_server: Callable[..., RedisServer]) -> None:
    with ThreadPoolExecutor(1) as pool:
        server = pool.submit(make_server).result()
    with server.client() as client:
        assert client.ping()
    assert server.running


_PARENT = """
import subprocess, time
from harness import tether
child = subprocess.Popen(tether.command(["sleep", "60"]), start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""
