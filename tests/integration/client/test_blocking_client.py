"""What only a blocking client has: threads, forks, interrupts, and the end of the interpreter."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis import Redis

from harness.processes.commands import Processes, run_python
from harness.waiting import eventually
from jobgate.client import BlockingClient, ClientClosed, JobNotFound, JobStatus, WouldDeadlock

START = """
import atexit, os, signal, sys, threading, time, warnings
# All are errors, but the one of Python 3.12 about forks of a process that has threads.
warnings.simplefilter("error")
warnings.filterwarnings("ignore", "This process", DeprecationWarning)
from jobgate.client import *
client = BlockingClient(sys.argv[1])
"""


@pytest.fixture(params=["http", "redis"])
def url(request: pytest.FixtureRequest, redis_url: str) -> str:
    """Address for a client; nobody works, so that each call waits."""
    if request.param == "redis":
        return redis_url
    processes: Processes = request.getfixturevalue("processes")
    return processes.gateway(redis_url).url


@pytest.fixture
def client(redis_url: str) -> Iterator[BlockingClient]:
    with BlockingClient(redis_url, registry=CollectorRegistry()) as client:
        yield client


def run(folder: Path, program: str, *words: str) -> str:
    """Run a program, which must not warn of anything, and return what it printed."""
    return printed(run_python(START + program, *words, folder=folder))


def printed(done: "subprocess.CompletedProcess[str]") -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def queued(redis_url: str) -> set[str]:
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        return set(redis.zrange("arq:queue", 0, -1))


EXIT = """
atexit.register(lambda: client.enqueue("add", _job_id="at-exit"))
client.enqueue("add", _job_id="main")
waiting = client.enqueue("add", _job_id="awaited")
print("waits")
threading.Thread(target=waiting.result, kwargs={"timeout": None}, daemon=True).start()
never_used = BlockingClient(sys.argv[1])
states = waiting.events()
print(next(states).job.status.value)

class Late:
    def __del__(self, client=client, ClientClosed=ClientClosed):
        try:
            client.enqueue("add", _job_id="late")
        except ClientClosed as error:
            assert "atexit" in str(error), error

late = Late()
"""


def test_a_program_may_end_without_closing_its_client(url: str, redis_url: str) -> None:
    words = [sys.executable, "-c", START + EXIT, url]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert printed(done).split() == ["waits", "queued"]
    assert queued(redis_url) == {"main", "awaited", "at-exit"}


FORK = """
def load(number):
    for turn in range(10_000):
        if over.is_set():
            break
        client.enqueue("add", _job_id=f"load-{number}-{turn}")
        sent.append(turn)

over, sent, children = threading.Event(), [], []
threads = [threading.Thread(target=load, args=[number]) for number in range(4)]
for thread in threads:
    thread.start()
for number in range(6):
    child = os.fork()
    if not child:
        client.enqueue("add", _job_id=f"child-{number}")
        if number % 2:
            client.close()
        sys.exit()
    children.append(child)
    client.enqueue("add", _job_id=f"parent-{number}")
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
over.set()
for thread in threads:
    thread.join()
print(len(sent))
"""


def test_a_fork_while_calls_are_under_way_works_for_parent_and_child(
    url: str, redis_url: str, tmp_path: Path
) -> None:
    sent = int(run(tmp_path, FORK, url))
    ids = queued(redis_url)
    assert {f"{who}-{number}" for who in ("child", "parent") for number in range(6)} <= ids
    assert len([each for each in ids if each.startswith("load")]) == sent


HELD = """
lock, held = threading.Lock(), threading.Event()

class Slow:
    def model_dump(self, **options):
        with lock:
            held.set()
            time.sleep(0.1)
        return 1

thread = threading.Thread(target=client.enqueue, args=["add", Slow()])
thread.start()
held.wait()
child = os.fork()
if not child:
    os._exit(0 if lock.acquire(timeout=5) else 1)
thread.join()
sys.exit(os.waitpid(child, 0)[1] != 0)
"""


def test_a_fork_waits_until_the_client_holds_no_lock(redis_url: str, tmp_path: Path) -> None:
    assert run(tmp_path, HELD, redis_url) == ""


INTERRUPT = """
def interrupt():
    while True:
        try:
            client.job("slow").status()
            break
        except JobNotFound:
            time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
try:
    client.with_options(queue=sys.argv[2], timeout=None, job_id="slow").call("add", 1)
except KeyboardInterrupt:
    from prometheus_client import REGISTRY
    labels = {"function": "add", "outcome": "cancelled"}
    print(REGISTRY.get_sample_value("jobgate_client_calls_total", labels), client.job("slow").status().value)
"""


def test_an_interrupt_ends_the_wait_and_not_the_job(redis_url: str, tmp_path: Path) -> None:
    assert run(tmp_path, INTERRUPT, redis_url, "arq:queue") == "1.0 queued\n"


async def test_it_works_while_the_thread_runs_an_event_loop(client: BlockingClient) -> None:
    assert client.enqueue("add", 1).status() is JobStatus.QUEUED


class Careless:
    """An argument whose serializer makes a call."""

    def __init__(self, client: BlockingClient) -> None:
        self._client = client

    def model_dump(self, **options: Any) -> object:
        with pytest.raises(WouldDeadlock, match="another client"):
            self._client.call("add", 1)
        self._client.close()
        return 1


def test_a_call_inside_the_clients_own_thread_is_refused(client: BlockingClient) -> None:
    with suppress(ClientClosed):
        client.enqueue("add", Careless(client))
    with client:
        assert client.enqueue("add", 1).status() is JobStatus.QUEUED


def test_closing_ends_the_calls_of_other_threads(client: BlockingClient) -> None:
    caught: list[ClientClosed] = []

    def wait() -> None:
        try:
            job.result(timeout=None)
        except ClientClosed as error:
            caught.append(error)

    job = client.enqueue("add", 1)
    threads = [threading.Thread(target=wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    client.close()
    for thread in threads:
        thread.join()
    assert len(caught) == 5
    assert {error.job for error in caught} == {job}
    with pytest.raises(ClientClosed):
        job.status()
    with client:
        assert job.status() is JobStatus.QUEUED


def test_no_call_hangs_when_the_client_is_closed_and_opened_around_it(client: BlockingClient) -> None:
    job, over = client.enqueue("add", 1), threading.Event()

    def ask() -> int:
        answers = 0
        while not over.is_set():
            with suppress(ClientClosed):
                assert job.status() is JobStatus.QUEUED
                answers += 1
        return answers

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        for _ in range(8):
            client.close()
            with client:
                job.status()
        over.set()
        assert all(each.result() >= 0 for each in asking)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_clients_that_are_closed_or_forgotten_leave_nothing(url: str) -> None:
    with BlockingClient(url) as first:
        first.enqueue("add", 1)
    gc.collect()
    threads, files = threading.active_count(), open_files()
    for turn in range(100):
        client = BlockingClient(url)
        client.enqueue("add", turn)
        if turn % 2:
            client.close()
    del client
    gc.collect()
    eventually(lambda: threading.active_count() == threads, what="the end of the threads")
    assert open_files() == files


def test_a_handle_keeps_its_client(redis_url: str) -> None:
    job = BlockingClient(redis_url, registry=CollectorRegistry()).enqueue("add", 1)
    gc.collect()
    assert job.status() is JobStatus.QUEUED


def test_an_error_refers_to_a_blocking_handle_and_is_freed_at_once(client: BlockingClient) -> None:
    gc.disable()
    try:
        with suppress(JobNotFound):
            client.job("nobody").result()
        try:
            client.enqueue("add", _job_id="a", _keep_result=0).result(timeout=0)
        except Exception as error:
            reference = weakref.ref(error)
        assert reference() is None
    finally:
        gc.enable()
