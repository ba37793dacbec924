"""As the first process of a container, jobgate passes signals on and leaves no dead processes behind.

A child subreaper gets the orphans below it, as process 1 of a container does, and needs no rights.
"""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from harness.processes.commands import Process, Processes
from harness.waiting import eventually
from jobgate.cli import process_one

PROGRAM = """
import ctypes
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
from jobgate.cli.process_one import run_below_init
run_below_init()
"""
ORPHANS = f"""{PROGRAM}
import os, signal, subprocess
for _ in range(5):
    subprocess.run(["sh", "-c", "sleep 0.1 & echo $!"])
signal.signal(signal.SIGUSR1, lambda *_: print("got USR1", flush=True))
print("ready", flush=True)
while True:
    signal.pause()
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="child subreapers are Linux's own")


def start(processes: Processes, tmp_path: Path, program: str, *words: str) -> Process:
    file = tmp_path / "first.py"
    file.write_text(program)
    return processes.start(str(file), *words, program=sys.executable, cwd=tmp_path)


def test_orphans_are_reaped(processes: Processes, tmp_path: Path) -> None:
    first = start(processes, tmp_path, ORPHANS)
    first.wait_for_log("^ready")
    orphans = [int(line) for line in first.log.splitlines() if line.isdigit()]
    assert len(orphans) == 5
    eventually(lambda: not any(map(psutil.pid_exists, orphans)), what="the end of all orphans")


def test_each_signal_comes_once(processes: Processes, tmp_path: Path) -> None:
    first = start(processes, tmp_path, ORPHANS)
    first.wait_for_log("^ready")
    os.killpg(first.pid, signal.SIGUSR1)  # as a terminal does with Ctrl-C
    first.wait_for_log("^got USR1")
    assert first.terminate() == 128 + signal.SIGTERM
    assert first.log.count("got USR1") == 1


@pytest.mark.parametrize(
    ("end", "code"),
    [("raise SystemExit(7)", 7), ("raise SystemExit", 0), ("os.kill(os.getpid(), 9)", 137)],
)
def test_the_exit_code_is_the_program_s(processes: Processes, tmp_path: Path, end: str, code: int) -> None:
    first = start(processes, tmp_path, f"import os\n{PROGRAM}\n{end}")
    assert first.wait() == code


def test_a_worker_below_it_stops_at_one_signal(processes: Processes, tmp_path: Path, redis_url: str) -> None:
    (tmp_path / "my_jobs.py").write_text(
        "async def f(ctx): ...\n\nclass WorkerSettings:\n    functions = [f]\n"
    )
    program = f"{PROGRAM}\nfrom jobgate.cli.main import main\nmain()"
    worker = start(processes, tmp_path, program, "worker", "my_jobs.WorkerSettings", "--redis", redis_url)
    worker.wait_for_log("Starting worker")
    assert worker.terminate() == 0


@pytest.mark.parametrize(("pid", "times"), [(1, 1), (2, 0)])
def test_only_process_1_is_an_init(monkeypatch: pytest.MonkeyPatch, pid: int, times: int) -> None:
    called: list[bool] = []
    monkeypatch.setattr(os, "getpid", lambda: pid)
    monkeypatch.setattr(process_one, "run_below_init", lambda: called.append(True))
    process_one.serve_as_init()
    assert len(called) == times


def test_the_program_does_not_outlive_its_init(processes: Processes, tmp_path: Path) -> None:
    first = start(processes, tmp_path, ORPHANS)
    first.wait_for_log("^ready")
    below = psutil.Process(first.pid).children(recursive=True)
    assert below
    first.kill()
    assert psutil.wait_procs(below, timeout=30)[1] == []
