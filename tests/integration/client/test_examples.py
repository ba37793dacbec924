"""The example callers, run against the real programs as their comments say."""

import sys

import pytest

from harness.processes.commands import REPOSITORY, Process, Processes
from harness.tools import require_tool


@pytest.fixture
def gateway(processes: Processes, redis_url: str) -> Process:
    processes.worker("examples.settings.WorkerSettings", redis_url)
    return processes.gateway(redis_url)


def output(processes: Processes, *words: str) -> str:
    """Run a program to its end and return what it printed."""
    process = processes.start(*words[1:], program=require_tool(words[0]), cwd=REPOSITORY)
    code = process.wait(90)
    assert code == 0, process.log
    return process.log


def test_call_from_python(processes: Processes, gateway: Process, redis_url: str) -> None:
    for url in (gateway.url, redis_url):
        lines = output(processes, sys.executable, "examples/call_from_python.py", url).splitlines()
        assert lines[0].startswith("words: ")
        assert lines[1] == "hash_file is deferred"
        assert lines[3:] == ["failed: FileNotFoundError", "aborted: True", "slow_report has no result"]


def test_call_from_node(processes: Processes, gateway: Process) -> None:
    lines = output(processes, "node", "examples/call_from_node.mjs", gateway.url).splitlines()
    assert lines[0].startswith("words: ")
    assert lines[2:] == [
        "slow_report is deferred",
        "slow_report wrote 10 lines",
        "failed: FileNotFoundError",
    ]


def test_call_with_curl(processes: Processes, gateway: Process) -> None:
    require_tool("curl")
    lines = output(processes, "sh", "examples/call_with_curl.sh", gateway.url).splitlines()
    assert '"success":true,"result":' in lines[0]
    assert '"success":true' in lines[3]
    assert lines[-1] == '{"aborted":true}'
