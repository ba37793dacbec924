"""What `make run` starts: `jobgate dev` with the examples, the commands that it prints, and Ctrl-C."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from harness.processes.commands import REPOSITORY, Processes
from harness.processes.family import alive, descendants
from harness.tools import free_port, require_tool, valkey_binary
from harness.waiting import eventually


def printed_commands(port: int) -> list[str]:
    """The commands that `make run` tells to try, for another port."""
    recipe = (REPOSITORY / "Makefile").read_text().partition("\nrun:")[2].partition("\n\n")[0]
    commands = re.findall(r"^\t  \"  (.+?)\" (?:'' )?", recipe.replace('\\"', "\0"), re.MULTILINE)
    written = {"$(PORT)": str(port), "\\$$": "$", "\0": '"'}
    for old, new in written.items():
        commands = [command.replace(old, new) for command in commands]
    return commands


def shell(*commands: str) -> list[Any]:
    """Run commands as a user would, in the repository's folder, and read all JSON that they print."""
    done = subprocess.run(
        [require_tool("sh"), "-c", "\n".join(commands)],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=90,
        check=True,
    )
    assert done.stderr == b""
    text = done.stdout.decode()
    decoder = json.JSONDecoder()
    answers = []
    while text:
        answer, end = decoder.raw_decode(text)
        answers.append(answer)
        text = text[end:].lstrip()
    return answers


def test_the_printed_commands_answer_and_ctrl_c_ends_all(processes: Processes, tmp_path: Path) -> None:
    valkey_binary()
    require_tool("curl")
    port = free_port()
    words = ("examples.settings.WorkerSettings", "--port", str(port), "--data", str(tmp_path / "data"))
    dev = processes.start("dev", *words)
    dev.wait_for_log("^jobgate is ready")
    count, *report_and_read = printed_commands(port)

    asked = f"curl -sS -w '\\n' -X POST localhost:{port}/jobs/count_words -H 'Prefer: wait=5' "
    assert count == asked + '-d \'{"args":["README.md"]}\'', "the command of the README and of the docs"
    (answer,) = shell(count)
    said = subprocess.run(
        [require_tool("wc"), "-w", "README.md"],
        cwd=REPOSITORY,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
    )
    assert (answer["success"], answer["result"]) == (True, int(said.stdout.split()[0]))
    ids = set()
    for _ in range(2):  # who tries them again must not find the first job's id in use
        job, outcome = shell(*report_and_read)
        ids.add(job["job_id"])
        assert outcome["result"]["lines"] == 50
    assert len(ids) == 2

    family = [pid for pid, _ in descendants(dev.pid)]
    assert len(family) >= 3
    os.killpg(dev.pid, signal.SIGINT)
    assert dev.wait() == 0
    for pid in family:
        eventually(lambda pid=pid: not alive(pid), what=f"the end of process {pid}")  # type: ignore[misc]
    assert "Traceback" not in dev.log
