"""`jobgate` commands in a terminal: tables, bars, Ctrl-C, hostile text, and redirected streams."""

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from harness.http.fake_gateway import JOB, Gateway, never
from harness.processes.commands import JOBGATE
from harness.processes.terminal import Terminal
from harness.processes.variables import environment
from harness.systems.call_stack import CallStack

HOSTILE = "\x1b]0;owned\x07\x1b[2J[red]markup[/red]\u202e\r\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStack]:
    with CallStack(tmp_path_factory.mktemp("terminal")) as running:
        yield running


@contextmanager
def reading(data: bytes, folder: Path) -> Iterator[int]:
    """An open file with this content."""
    file = folder / "input"
    file.write_bytes(data)
    with file.open("rb") as opened:
        yield opened.fileno()


@contextmanager
def writing(file: Path) -> Iterator[int]:
    with file.open("wb") as opened:
        yield opened.fileno()


def written(seen: Terminal) -> Any:
    """The JSON that stands in the terminal, perhaps after a bar."""
    return json.loads(seen.text[seen.text.index("{") :])


def test_people_see_tables_and_colours(stack: CallStack) -> None:
    for name in ("t1", "t2"):
        assert stack.run("call", "add", "1", "--id", name).exit_code == 0
    with Terminal("status", "t1", "t2", env=stack.env) as seen:
        assert seen.wait() == 0
    heading, _, *rows = seen.text.splitlines()
    assert heading.split() == ["job", "function", "status", "tries", "progress"]
    assert [row.split() for row in rows] == [[name, "add", "complete", "1", "-"] for name in ("t1", "t2")]
    assert b"\x1b[32mcomplete" in seen.raw


def test_without_colours_and_in_a_narrow_terminal(stack: CallStack) -> None:
    stack.run("call", "add", "1", "--id", "n1")
    with Terminal("status", "n1", "n1", columns=20, env={**stack.env, "NO_COLOR": "1"}) as seen:
        assert seen.wait() == 0
    assert max(map(len, seen.text.splitlines())) <= 20
    assert not re.search(rb"\x1b\[3\d", seen.raw)
    with Terminal("functions", columns=20, env={**stack.env, "TERM": "dumb"}) as seen:
        assert seen.wait() == 0
    assert b"\x1b" not in seen.raw
    assert "add(" in seen.text


def test_what_a_job_returns_cannot_control_the_terminal(stack: CallStack) -> None:
    words = json.dumps([HOSTILE, {"漢字": HOSTILE}])
    with Terminal("call", "echo", "--args", words, env=stack.env) as seen:
        assert seen.wait() == 0
    assert b"\x1b]" not in seen.raw
    assert b"\x1b[2J" not in seen.raw
    assert "\u202e".encode() not in seen.raw
    assert "[red]markup[/red]" in seen.text
    assert written(seen)["args"] == [HOSTILE, {"漢字": HOSTILE}]
    with Terminal("call", "fail", json.dumps(HOSTILE), env=stack.env) as seen:
        assert seen.wait() == 1
    assert b"\x1b]" not in seen.raw
    assert "ValueError: \\u001b]0;owned" in seen.text
    with Terminal("call", "fail", '"no\\nline 7: forged"', env=stack.env) as seen:
        assert seen.wait() == 1
    assert "\n  line 7: forged" in seen.text


def test_a_large_result_is_written_as_a_whole(stack: CallStack, tmp_path: Path) -> None:
    text = "é[b]" * 200_000
    (tmp_path / "large").write_text(text)
    with Terminal("call", "echo", f"@{tmp_path / 'large'}", env=stack.env) as seen:
        assert seen.wait() == 0
    assert written(seen)["args"] == [text]


def test_a_call_shows_progress_and_ctrl_c_says_how_to_go_on(stack: CallStack) -> None:
    with Terminal("call", "steps", "--id", "steps-1", env=stack.env) as seen:
        seen.wait_for(r"50%.*half of it")
        seen.interrupt()
        assert seen.wait() == 130
    assert seen.raw.rindex(b"\x1b[?25h") > seen.raw.rindex(b"\x1b[?25l")  # the cursor is there again
    assert "job steps-1 is not stopped, if it was accepted." in seen.text
    for command in ("status steps-1", "result steps-1 --wait", "abort steps-1"):
        assert f"  jobgate {command}\n" in seen.text
    assert stack.run("abort", "steps-1").exit_code == 0


def test_the_progress_of_the_lines_under_way_is_shown(stack: CallStack, tmp_path: Path) -> None:
    words = ["enqueue", "steps", "--each", "--wait"]
    with reading(b"[]\n[]\n", tmp_path) as given, Terminal(*words, given=given, env=stack.env) as seen:
        seen.wait_for(r"0 of 2 .* 0/s, line 1: half of it")
        seen.interrupt()
        assert seen.wait() == 130
    assert stack.run("bulk", "abort", "--function", "steps", "--yes").exit_code == 0


def test_a_second_ctrl_c_ends_at_once(stack: CallStack) -> None:
    with stack.stopped_gateway() as env, Terminal("call", "add", "1", "--timeout", "30s", env=env) as seen:
        seen.wait_for("━")  # it waits for an answer that does not come
        seen.interrupt()
        seen.interrupt()
        assert seen.wait() == 130


def test_each_line_is_a_job_and_no_line_runs_twice(stack: CallStack, tmp_path: Path) -> None:
    """Ctrl-C in the middle, then the same command again."""
    runs = tmp_path / "runs"
    data = "".join(f"{number}\n" for number in range(200)).encode()
    words = ["enqueue", "note", f"path={runs}", "--each", "--wait", "--concurrency", "4", "--id-prefix", "r"]
    with reading(data, tmp_path) as given, Terminal(*words, given=given, env=stack.env) as seen:
        seen.wait_for(r"[1-9]\d of 200")
        seen.interrupt()
        assert seen.wait() == 130
    assert re.search(r"Jobs of [1-4] lines? under way may exist, and are not stopped\.", seen.text)
    assert "give the same command again" in seen.text
    with reading(data, tmp_path) as given, Terminal(*words, given=given, env=stack.env) as seen:
        assert seen.wait() == 0
    assert re.search(r"200 done in ", seen.text)
    assert sorted(map(int, runs.read_text().split())) == list(range(200))


async def test_ctrl_c_makes_sure_of_calls_that_may_not_have_arrived(tmp_path: Path) -> None:
    async def deaf_to_calls(request: web.Request) -> web.StreamResponse:
        return await (confirm if request.path == "/jobs" else never)(request)

    async def confirm(request: web.Request) -> web.StreamResponse:
        job_id = json.loads(await request.read())["job_id"]
        job = {"status": 202, "job": {**JOB, "job_id": job_id}}
        return web.Response(text=json.dumps(job) + "\n", content_type="application/x-ndjson")

    def interrupted(url: str) -> str:
        words = ["enqueue", "fn", "--each", "--wait", "--concurrency", "1", "--url", url]
        with reading(b"1\n2\n", tmp_path) as given, Terminal(*words, given=given) as seen:
            seen.wait_for("0 of 2")
            while not gateway.requests:
                time.sleep(0.01)
            seen.interrupt()
            assert seen.wait() == 130
        return seen.text

    gateway = Gateway(deaf_to_calls)
    async with gateway.serving():
        text = await asyncio.to_thread(interrupted, gateway.url)
    (_, called, _, first), (_, enqueued, _, second) = gateway.requests
    assert (called, enqueued, first["job_id"]) == ("/jobs/fn", "/jobs", second["job_id"])
    assert "The jobs of 1 line under way are not stopped." in text
    assert "add --skip 1 to the same command" in text


def test_ctrl_c_while_enqueuing_names_the_line_where_it_stopped(stack: CallStack) -> None:
    read, write = os.pipe()
    os.write(write, b"1\n2\n\n4\n")
    with Terminal("enqueue", "add", "--each", given=read, env=stack.env) as seen:
        os.close(read)
        seen.wait_for("3 of")
        seen.interrupt()
        assert seen.wait() == 130
    os.close(write)
    assert "3 enqueued" in seen.text
    assert "add --skip 4 to the same command" in seen.text


def test_failures_are_written_as_they_come(stack: CallStack, tmp_path: Path) -> None:
    data = b'1\n"x"\n\xff\n{"_queue": "q"}\n\n[1, 2]\r\n{"a": 3}\n{"a": 4, "c": 5}'
    output = tmp_path / "ids"
    with (
        reading(data, tmp_path) as given,
        writing(output) as to,
        Terminal("enqueue", "add", "--each", given=given, output=to, env=stack.env) as seen,
    ):
        assert seen.wait() == 3
    assert len(output.read_text().split()) == 3
    said = re.findall(r"line (\d): (.{10})", seen.text)
    assert sorted(said) == [
        ("2", "The functi"), ("3", "it is not "), ("4", "'_queue' c"), ("8", "The functi"),
    ]  # fmt: skip
    assert re.search(r"^3 enqueued in .*; 4 failed\.$", seen.text, re.MULTILINE)


def test_results_of_lines_are_written_with_their_numbers(stack: CallStack, tmp_path: Path) -> None:
    output = tmp_path / "results"
    with (
        reading(b'{"a": 1}\n{"a": "x"}\n{"a": 2}\n', tmp_path) as given,
        writing(output) as to,
        Terminal("enqueue", "add", "b=10", "--each", "--wait", given=given, output=to, env=stack.env) as seen,
    ):
        assert seen.wait() == 3
    records = sorted(map(json.loads, output.read_text().splitlines()), key=lambda each: each["line"])
    assert [(each["success"], each.get("result")) for each in records] == [
        (True, 11),
        (False, None),
        (True, 12),
    ]
    assert "args/0" in records[1]["error"]["message"] or "kwargs/a" in records[1]["error"]["message"]


@pytest.mark.parametrize("waits", [[], ["--wait"]])
def test_what_would_fail_for_all_lines_ends_it(stack: CallStack, tmp_path: Path, waits: list[str]) -> None:
    with (
        reading(b"1\n" * 5000, tmp_path) as given,
        Terminal("enqueue", "nothing", "--each", *waits, given=given, env=stack.env) as seen,
    ):
        assert seen.wait() == 3
    assert seen.text.count("No worker offers 'nothing'") == 1
    assert "add --skip 0 to the same command" in seen.text


def test_a_closed_pipe_ends_it_quietly(stack: CallStack) -> None:
    read, write = os.pipe()
    os.close(read)
    with Terminal("call", "add", "1", output=write, env=stack.env) as seen:
        os.close(write)
        assert seen.wait() == 128 + signal.SIGPIPE
    assert seen.text == ""
    done = stack.shell("jobgate call nothing 2>&1 | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_the_gateway_is_killed_meanwhile(stack: CallStack) -> None:
    words = ["call", "steps", "--request-timeout", "1500ms"]
    with stack.further_gateway() as (gateway, env), Terminal(*words, env=env) as seen:
        seen.wait_for("half of it")
        gateway.kill()
        assert seen.wait() == 4
    assert "Still trying" in seen.text
    assert re.search(r"  jobgate status \w{32}\n", seen.text)


def test_standard_input_that_is_closed_has_no_lines(stack: CallStack) -> None:
    command = [*JOBGATE, "enqueue", "add", "--each"]
    env = {**environment(os.environ), **stack.env}
    done = subprocess.run(
        ["sh", "-c", f"{shlex.join(command)} <&-"], env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "0 enqueued" in done.stderr


def test_completion_knows_commands_and_functions(stack: CallStack) -> None:
    script = """
eval "$(jobgate completion bash)"
try() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _jobgate_completion jobgate
    echo "${COMPREPLY[@]}"
}
try jobgate enq
try jobgate call f
try jobgate call --url http://127.0.0.1:1 f
"""
    assert stack.shell(script).stdout.split("\n")[:3] == ["enqueue", "fail flaky", ""]


@pytest.mark.parametrize("words", [["--help"], ["functions"]])
def test_a_full_disk_has_an_exit_code_of_its_own(stack: CallStack, words: list[str]) -> None:
    with open("/dev/full", "wb") as full, Terminal(*words, output=full.fileno(), env=stack.env) as seen:
        assert seen.wait() == os.EX_IOERR
    assert seen.text == "Error: the output cannot be written: No space left on device.\n"
