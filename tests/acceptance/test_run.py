"""What `make run` starts: `jobgate dev` with the examples, the commands that it prints, and Ctrl-C."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from harness.family import alive, descendants
from harness.processes import REPOSITORY, Processes
from harness.tools import free_port, require_tool, valkey_binary
from harness.waiting import eventually


def printed_commands(port: int) -> list[str]:
    """The commands that `make run` tells to try, for another port."""
    recipe = (REPOSITORY / "Makefile").read_text().partition("\nrun:")[2].partition("\n\n")[0]
    commands = re.findall(r"\"  (curl .+)\"", recipe)
    return [command.replace("$(PORT)", str(port)).replace('\\"', '"') for command in commands]


def shell(command: str) -> Any:
    """Run a command as a user would, in the repository's folder, and read the JSON that it prints."""
    done = subprocess.run(
        [require_tool("sh"), "-c", command], cwd=REPOSITORY, capture_output=True, timeout=90, check=True
    )
    assert done.stderr == b""
    return json.loads(done.stdout)


def test_the_printed_commands_answer_and_ctrl_c_ends_all(processes: Processes, tmp_path: Path) -> None:
    valkey_binary()
    require_tool("curl")
    port = free_port()
    words = ("examples.settings.WorkerSettings", "--port", str(port), "--data", str(tmp_path / "data"))
    dev = processes.start("dev", *words)
    dev.wait_for_log("^jobgate is ready")
    count, report, read = printed_commands(port)

    asked = f"curl -sS -X POST localhost:{port}/jobs/count_words -H 'Prefer: wait=5' "
    assert count == asked + '-d \'{"args":["README.md"]}\'', "the command of the README and of the docs"
    answer = shell(count)
    said = subprocess.run(
        [require_tool("wc"), "-w", "README.md"],
        cwd=REPOSITORY,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
    )
    assert (answer["success"], answer["result"]) == (True, int(said.stdout.split()[0]))
    assert shell(report)["job_id"] == "report-1"
    assert shell(read)["result"]["lines"] == 50

    family = [pid for pid, _ in descendants(dev.pid)]
    assert len(family) >= 3
    os.killpg(dev.pid, signal.SIGINT)
    assert dev.wait() == 0
    for pid in family:
        eventually(lambda pid=pid: not alive(pid), what=f"the end of process {pid}")  # type: ignore[misc]
    assert "Traceback" not in dev.log
