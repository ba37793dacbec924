"""`jobgate dev`: three programs that start, serve and end as one."""

import os
import re
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.processes.commands import Process, Processes
from harness.processes.family import alive, descendants
from harness.tools import free_port, valkey_binary
from harness.waiting import eventually

MODULE = """
async def add(ctx, a, b):
    return a + b

class WorkerSettings:
    functions = [add]
"""
HANGING_HOOK = """
    async def on_shutdown(ctx):
        import asyncio
        print("hook begins")
        await asyncio.sleep(600)
"""


LONG = """
import asyncio

async def add(ctx, a, b):
    await asyncio.sleep(600)

class WorkerSettings:
    functions = [add]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    valkey_binary()
    (tmp_path / "my_jobs.py").write_text(MODULE)
    return tmp_path


@contextmanager
def running(
    processes: Processes, folder: Path, *options: str, settings: str = "WorkerSettings", children: int = 3
) -> Iterator[Process]:
    port = free_port()
    watching = () if children == 4 else ("--no-watch",)
    argv = (f"my_jobs.{settings}", "--port", str(port), "--data", "data", *watching, *options)
    # What is meant for a gateway in production does not make it listen elsewhere.
    elsewhere = {"JOBGATE_BASE_PATH": "/x", "JOBGATE_UNIX_SOCKET": "x.sock", "JOBGATE_TLS_CERT": "x.pem"}
    dev = processes.start("dev", *argv, cwd=folder, env=elsewhere)
    dev.url = f"http://127.0.0.1:{port}"
    dev.wait_for_log(f"^jobgate is ready on {dev.url}$")
    programs = ("valkey-server", "-m jobgate.cli")
    family = [one for one in descendants(dev.pid) if any(program in one[1] for program in programs)]
    assert len(family) == children, family
    yield dev
    for pid, words in family:
        eventually(lambda pid=pid: not alive(pid), what=f"the end of {words}")  # type: ignore[misc]


def call(url: str, body: str = '{"args":[1,2]}', prefer: str = "wait=20") -> bytes:
    request = urllib.request.Request(f"{url}/jobs/add", body.encode(), {"prefer": prefer}, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        content: bytes = answer.read()
        return content


def pid_of(dev: Process, words: str) -> int:
    (pid,) = [pid for pid, command in descendants(dev.pid) if words in command and "sh -c" not in command]
    return pid


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_a_signal_and_ends_in_order(
    processes: Processes, folder: Path, sign: signal.Signals
) -> None:
    with running(processes, folder) as dev:
        assert b'"result":3' in call(dev.url)
        dev.wait_for_log(
            r"^gateway \|.* POST /jobs/add\S*: 200 in [\d.]+ ms, job \w+$"
        )  # an access line shows each request
        dev.signal(sign)
        assert dev.wait() == 0
    assert "Traceback" not in dev.log
    assert dev.log.rindex("gateway |") < dev.log.rindex("worker  |")


OTHERS = """
class OneQueue(WorkerSettings):
    queue_name = "mail"

class AllOther(WorkerSettings):
    queues = {"urgent": 5, "mail": 1}
    namespace = "shop"
    serializer = "msgpack"
"""


@pytest.mark.parametrize(
    ("settings", "options", "queue"),
    [
        ("OneQueue", [], "mail"),
        ("OneQueue", ["--namespace", "shop", "--queue", "letters", "--serializer", "pickle"], "letters"),
        ("AllOther", [], "urgent"),
        ("WorkerSettings", ["--namespace=shop"], "shop:queue"),
    ],
)
def test_the_gateway_enqueues_where_the_worker_looks(
    processes: Processes, folder: Path, settings: str, options: list[str], queue: str
) -> None:
    (folder / "my_jobs.py").write_text(f"print('importing says something'){MODULE}{OTHERS}")
    with running(processes, folder, *options, settings=settings) as dev:
        assert b'"result":3' in call(dev.url)
        with urllib.request.urlopen(f"{dev.url}/metrics", timeout=30) as answer:
            assert f'jobgate_gateway_live_workers{{queue="{queue}"}} 1.0' in answer.read().decode()
        dev.terminate()


def hurry(dev: Process) -> None:
    """Send further signals until one counts: those too soon after the first are taken for the same one."""

    def counts() -> bool:
        if "A second signal" in dev.log:
            return True
        dev.signal(signal.SIGINT)
        return False

    eventually(counts, what="a second signal")


def test_two_signals_at_once_are_one(processes: Processes, folder: Path) -> None:
    (folder / "my_jobs.py").write_text(LONG)
    with running(processes, folder) as dev:
        call(dev.url, '{"args":[1,2],"job_id":"long"}', prefer="")
        dev.wait_for_log("long:add")
        dev.signal(signal.SIGINT)
        dev.signal(signal.SIGTERM)
        assert dev.wait() == 0
    assert "long:add cancelled, will be run again" in dev.log
    assert "A second signal" not in dev.log


def test_a_second_signal_is_told(processes: Processes, folder: Path) -> None:
    (folder / "my_jobs.py").write_text(LONG + "    job_completion_wait = 600\n")
    with running(processes, folder) as dev:
        call(dev.url, '{"args":[1,2],"job_id":"long"}', prefer="")
        dev.wait_for_log("long:add")
        dev.signal(signal.SIGINT)
        dev.wait_for_log("shutdown on SIGTERM")
        hurry(dev)
    assert "A second signal: worker and gateway are killed, running jobs use up a try." in dev.log


def test_a_burst_worker_says_why_it_ends(processes: Processes, folder: Path) -> None:
    (folder / "my_jobs.py").write_text(MODULE + "    burst = True\n")
    dev = processes.start("dev", "my_jobs.WorkerSettings", "--port", str(free_port()), cwd=folder)
    assert dev.wait() == 1
    assert re.search(r"^worker  \|.*nothing is left to do, a burst worker stops$", dev.log, re.MULTILINE)


def test_jobs_survive_a_restart_in_a_folder_that_no_other_may_use(processes: Processes, folder: Path) -> None:
    with running(processes, folder) as dev:
        words = ("dev", "my_jobs.WorkerSettings", "--port", str(free_port()), "--data", "data")
        other = processes.start(*words, cwd=folder)
        assert other.wait() == 1
        assert "Another server uses" in other.log
        call(dev.url, '{"args":[20,22],"job_id":"later","defer_by":1}', prefer="")
        dev.terminate()
    with running(processes, folder) as dev:
        with urllib.request.urlopen(f"{dev.url}/jobs/later/result?wait=25", timeout=30) as answer:
            assert b'"result":42' in answer.read()
        dev.terminate()


@pytest.mark.parametrize(
    ("part", "words"),
    [("worker", "jobgate.cli worker"), ("gateway", "jobgate.cli gateway"), ("server", "valkey-server")],
)
def test_end_of_one_part_ends_all_and_says_which(
    processes: Processes, folder: Path, part: str, words: str
) -> None:
    with running(processes, folder) as dev:
        os.kill(pid_of(dev, words), signal.SIGKILL)
        assert dev.wait(60) == 1
    killed = f"The {part} was killed by signal 9 (SIGKILL; out of memory?); stopping the others.\n"
    assert ("The embedded server ended" if part == "server" else killed) in dev.log


def test_nothing_outlives_a_kill(processes: Processes, folder: Path) -> None:
    with running(processes, folder) as dev:
        os.kill(dev.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("no_such_module.WorkerSettings", "no module 'no_such_module'"),
        ("my_jobs.WorkerSetings", "did you mean 'WorkerSettings'"),
        ("my_jobs", "not of the form MODULE.NAME"),
        ("broken.WorkerSettings", "importing 'broken' failed: SyntaxError"),
        ("empty.WorkerSettings", "functions"),
        ("leaves.WorkerSettings", "loading it ended with exit code 3"),
    ],
)
def test_wrong_settings_are_said_before_anything_is_started(
    processes: Processes, folder: Path, settings: str, said: str
) -> None:
    (folder / "broken.py").write_text("class")
    (folder / "empty.py").write_text("class WorkerSettings: pass")
    (folder / "leaves.py").write_text("raise SystemExit(3)")
    dev = processes.start("dev", settings, "--port", str(free_port()), cwd=folder)
    assert dev.wait() == 1
    *before, last = dev.log.splitlines()
    assert said in last
    assert bool(before) is (settings == "broken.WorkerSettings"), "where it is broken"
    assert not (folder / ".jobgate").exists()


def test_taken_port_is_said(processes: Processes, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        dev = processes.start("dev", "my_jobs.WorkerSettings", "--port", str(port), cwd=folder)
        assert dev.wait() == 1
    assert f"Port {port} of 127.0.0.1 is taken" in dev.log


def test_a_second_signal_ends_a_worker_whose_on_shutdown_hangs(processes: Processes, folder: Path) -> None:
    (folder / "my_jobs.py").write_text(MODULE + HANGING_HOOK)
    with running(processes, folder) as dev:
        dev.signal(signal.SIGINT)
        dev.wait_for_log("hook begins")
        hurry(dev)
        assert dev.wait() == 0
    assert "did not stop within" not in dev.log


LOG = """
import logging

log = logging.getLogger("jobgate.mine")
"""


def test_verbose_shows_debugging_lines(processes: Processes, folder: Path) -> None:
    (folder / "my_jobs.py").write_text(
        MODULE.replace("    return", "    log.debug('adding')\n    return") + LOG
    )
    with running(processes, folder, "-v") as dev:
        call(dev.url)
        dev.wait_for_log(r"^worker  \|.* DEBUG jobgate.mine: adding")
        dev.terminate()


def test_it_says_what_can_be_called_and_what_new_code_changes(processes: Processes, folder: Path) -> None:
    with running(processes, folder, children=4) as dev:
        dev.wait_for_log(r"^Its functions:\n  add\(a: Any, b: Any\) -> Any\n")
        dev.wait_for_log(
            rf"^  jobgate call add a=1 b=1 --url {dev.url}\n  curl '{dev.url}/jobs/add\?wait=10' -d "
        )
        assert b'"result":3' in call(dev.url)
        typed = MODULE.replace("ctx, a, b)", "ctx, a: int, b: int = 2)").replace("a + b", "10 * (a + b)")
        (folder / "my_jobs.py").write_text(
            typed.replace("[add]", "[add, noop]").replace("class ", "def noop(ctx): pass\n\nclass ")
        )
        dev.wait_for_log(
            "^The new code changes what can be called:\n"
            r"  ~ add\(a: int, b: int = 2\) -> Any\n  \+ noop\(\) -> Any\n"
        )
        assert b'"result":30' in call(dev.url)
        dev.terminate()
