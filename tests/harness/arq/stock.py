"""What tests ask of stock arq: an answer of its own functions, and to be there beside jobgate."""

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.arq.versions import ARQ_VERSIONS, arq_program
from harness.processes.commands import Process, Processes
from harness.tools import missing

INTEROP = Path(__file__).resolve().parents[2] / "interop"


def ask_arq(script: Path, question: Any, version: str = ARQ_VERSIONS[-1]) -> Any:
    """Run a script with the Python of that arq: `question` goes in, and its answer comes back, as JSON."""
    words = [arq_program(version=version), str(script)]
    done = subprocess.run(words, input=json.dumps(question), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def arq_worker(
    processes: Processes,
    redis_url: str,
    settings: str = "fleet_functions.WorkerSettings",
    *,
    version: str = ARQ_VERSIONS[-1],
    **environment: str,
) -> Process:
    """Start `arq SETTINGS` of that version in tests/interop, without waiting for anything.

    The settings read their server from REDIS_URL, and what else they want from `environment`.
    """
    variables = {"REDIS_URL": redis_url, "PYTHONPATH": str(INTEROP), **environment}
    return processes.start(settings, program=arq_program("arq", version), cwd=INTEROP, env=variables)


def arq_script(processes: Processes, script: str, *words: str, version: str = ARQ_VERSIONS[-1]) -> Process:
    """Start a script of tests/interop with the Python of that arq, without waiting; see `last_words`."""
    program = arq_program(version=version)
    return processes.start(script, *words, program=program, cwd=INTEROP, env={"PYTHONPATH": str(INTEROP)})


def last_words(script: Process, timeout: float) -> Any:
    """Wait for the end of a script and return its last line, which is JSON."""
    code = script.wait(timeout)
    assert code == 0, script.log
    return json.loads(script.log.splitlines()[-1])


@functools.cache
def arq_packages() -> str:
    """Return the folder to put on PYTHONPATH so that arq is installed beside jobgate."""
    ask = "import sys, sysconfig; print(sys.version_info[:2]); print(sysconfig.get_paths()['purelib'])"
    done = subprocess.run([arq_program(), "-c", ask], capture_output=True, text=True, check=True)
    version, folder = done.stdout.splitlines()
    if version != str(sys.version_info[:2]):
        missing(f"arq's Python is {version}, this one is {sys.version_info[:2]}")
    return folder
