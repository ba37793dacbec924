"""arq's calls do with jobgate what they do with arq 0.28, on one server with one stock arq worker."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.arq.versions import arq_program
from harness.processes.commands import Processes
from harness.servers.redis_server import RedisServer

HERE = Path(__file__).parent
#: Where jobgate does not do as arq: the case -> what arq does, what jobgate does. The comment says why.
DIFFERENCES: Mapping[str, tuple[Any, Any]] = {
    # arq #447: an error, and a ghost in the queue all the same.
    "due_days_ago": (["list", "raises ResponseError", 1], ["list", ["list", -259_200, 86_400], 2]),
    # arq #466: one lost job hides all others.
    "a_list_with_a_missing_body": ("raises RuntimeError", ["list", "b"]),
    "a_list_with_an_unreadable_result": (
        ["tuple", "raises DeserializationError", "raises DeserializationError"],
        ["tuple", "raises DeserializationError", ["list", "a"]],
    ),
    # arq #342: jobs tell their queue themselves.
    "status_with_the_wrong_queue": ("not_found", "queued"),
    # arq #485: the mark stays for ever and kills a later job of this id.
    "abort_of_an_unknown_job": (
        ["tuple", 0, ["list", "arq:abort"]],
        ["tuple", 0, ["list"]],
    ),
    # arq fills it in for jobs that have ended, and for those of a list.
    "id_before_the_end": (None, "a"),
    # Asked whether it was aborted, jobgate says no; arq raises the job's own exception.
    "abort_of_a_failed_job": ("raises ValueError", False),
}


def run(python: str, kind: str, url: str) -> dict[str, Any]:
    words = [python, str(HERE / "arq_calls.py"), kind, url]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_all_calls_do_the_same(server: RedisServer, processes: Processes) -> None:
    python, arq = arq_program(), arq_program("arq")
    environment = {"REDIS_URL": server.url, "PYTHONPATH": str(HERE)}
    worker = processes.start("arq_functions.WorkerSettings", program=arq, cwd=HERE, env=environment)
    worker.wait_for_log("Starting worker")
    theirs, ours = run(python, "arq", server.url), run(sys.executable, "jobgate", server.url)
    found = {name: (theirs[name], ours[name]) for name in theirs if theirs[name] != ours[name]}
    assert found == DIFFERENCES
    assert len(theirs) == len(ours) > 20
