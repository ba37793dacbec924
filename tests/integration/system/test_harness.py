"""The servers and processes that all other tests stand on."""

import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import redis

from harness.processes.commands import Processes
from harness.processes.family import alive
from harness.servers.redis_server import RedisServer
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


PROBE = """
import __main__, os, signal, sys
print(sys.argv[1:], sys.path, os.getcwd(), sys.dont_write_bytecode, __main__.__spec__.name)
print(sorted(os.environ.items() - {("PYTHONDEVMODE", "")}))
print([signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE)])
print([os.fstat(number).st_mode for number in range(3)], os.getpgid(0) == os.getsid(0) == os.getpid())
print(sorted(os.listdir("/proc/self/fd")))
os._exit(1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there, every process is a new interpreter")
@pytest.mark.parametrize("further", [(), ("--workers", "1")], ids=["itself", "its child"])
def test_a_forked_process_is_like_a_new_one(
    processes: Processes, tmp_path: Path, further: tuple[str, ...]
) -> None:
    (tmp_path / "probe.py").write_text(PROBE)
    words = ("worker", "probe.WorkerSettings", "-v", *further)
    paths = {"PYTHONPATH": f"{tmp_path}:/nowhere", "LIKE": "this"}
    forked = processes.start(*words, cwd=tmp_path, env=paths)
    new = processes.start(*words, cwd=tmp_path, env=paths | {"PYTHONDEVMODE": ""})
    assert (forked.wait(), new.wait()) == (1, 1)
    assert forked.log == new.log
    assert "'LIKE', 'this'" in forked.log
    parent = psutil.Process(processes.start("gateway").pid).parent()
    assert parent is not None
    assert "zygote.py" in " ".join(parent.cmdline())


@pytest.mark.parametrize("program", ["_PARENT", "_PARENT_OF_FORKED"])
def test_children_die_with_a_killed_parent(program: str, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", globals()[program], str(tmp_path)],
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
from harness.processes import tether
child = subprocess.Popen(tether.command(["sleep", "60"]), start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""
_PARENT_OF_FORKED = """
import pathlib, sys, time
from harness.processes.commands import Processes
print(Processes(pathlib.Path(sys.argv[1])).start("gateway", "--redis", "redis://127.0.0.1:1").pid, flush=True)
time.sleep(60)
"""
