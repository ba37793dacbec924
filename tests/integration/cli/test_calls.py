"""`jobgate call`, `enqueue`, `status`, `result`, `abort`, `retry` and `functions`, as programs use them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.systems.call_stack import CallStack
from harness.tools import free_port
from jobgate.cli.main import main

URLS = pytest.mark.parametrize("transport", ["http", "redis"])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStack]:
    with CallStack(tmp_path_factory.mktemp("calls")) as running:
        yield running


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have settings of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def jobgate(*words: str, given: bytes = b"", **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, words, input=given)


def lines(done: Result) -> list[Any]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@URLS
def test_a_call_writes_the_result(stack: CallStack, transport: str, tmp_path: Path) -> None:
    url = stack.url if transport == "http" else stack.server.url
    (tmp_path / "text.txt").write_text("from a file\n")
    words = ["7", '"7"', "007", "-1.5", "text", '["a"]', "@text.txt", "-", "key=-2", "none=null", 'eq="a=b"']
    done = jobgate("call", "echo", *words, "--url", url, given=b'{"from": "stdin"}')
    assert (done.exit_code, done.stderr) == (0, "")
    (echoed,) = lines(done)
    assert echoed["args"] == [
        7, "7", "007", -1.5, "text", ["a"], "from a file\n", {"from": "stdin"},
    ]  # fmt: skip
    assert echoed["kwargs"] == {"key": -2, "none": None, "eq": "a=b"}


def test_arguments_can_be_json_as_a_whole(stack: CallStack) -> None:
    done = stack.run("call", "echo", "3", "--args", "[1, 2]", "--kwargs", "-", "b=4", given=b'{"a": 1}')
    assert lines(done) == [{"args": [1, 2, 3], "kwargs": {"a": 1, "b": 4}}]


@URLS
def test_a_job_s_whole_life(stack: CallStack, transport: str) -> None:
    where = ["--url", stack.url if transport == "http" else stack.server.url]
    job_id = f"life-{transport}"
    enqueued = jobgate("enqueue", "sleep", "0", "--id", job_id, "--defer", "1h", *where)
    assert (enqueued.exit_code, enqueued.stdout) == (0, f"{job_id}\n")
    again = jobgate("enqueue", "sleep", "0", "--id", job_id, *where)
    assert (again.exit_code, again.stdout) == (0, f"{job_id}\n")
    assert "no second one is made" in again.stderr
    other = jobgate("enqueue", "add", "1", "--id", job_id, *where)
    assert other.exit_code == 3
    assert "runs 'sleep'" in other.stderr

    assert lines(jobgate("status", job_id, *where))[0]["status"] == "deferred"
    early = jobgate("result", job_id, *where)
    assert (early.exit_code, early.stdout) == (5, "")
    assert f"jobgate result {job_id} --wait --url " in early.stderr
    assert jobgate("retry", job_id, *where).exit_code == 3

    aborted = jobgate("abort", job_id, "nix", *where)
    assert lines(aborted) == [{"job_id": job_id, "aborted": True}]
    assert aborted.exit_code == 3  # of the one that there is not
    ended = jobgate("result", job_id, "--wait", *where)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert f"job {job_id} failed (aborted)" in ended.stderr
    new = jobgate("retry", job_id, *where).stdout.strip()
    assert jobgate("result", new, "--timeout", "10s", *where).stdout == '"slept"\n'


def test_the_same_id_runs_once(stack: CallStack, tmp_path: Path) -> None:
    file = str(tmp_path / "runs")
    for _ in range(2):
        assert stack.run("call", "append", file, "--id", "once").stdout == "1\n"
    assert Path(file).read_text() == "once\n"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["call", "fail", "it broke"], 1, "failed (error): ValueError: it broke"),
        (["call", "ad", "1"], 3, "did you mean 'add'?"),
        (["call", "add", "one"], 3, "args/0: "),
        (["call", "append", "7"], 3, "A number is written as text like this: '\"7\"'"),
        (["call", "add", "a=1", "a=2"], 2, "a is given twice"),
        (["call", "add", "_a=1"], 2, "none begins with '_'"),
        (["call", "add", "@nowhere"], 2, "nowhere cannot be read: No such file or directory."),
        (["call", "add", "--args", "{}"], 2, "--args must be a JSON array"),
        (["call", "add", "-", "b=@-"], 2, "Standard input can be read once."),
        (["enqueue", "add", "-", "--each"], 2, "no argument can be read from it"),
        (["call", "add", "1", "--id", "a b"], 2, "the id of a new job must be"),
        (["call", "sleep", "5", "--timeout", "10ms"], 5, "--wait"),
        (["call", "sleep", "5", "--timeout", "soon"], 2, "not a duration such as 90s"),
        (["enqueue", "add", "1", "--at", "soon"], 2, "not a time such as"),
        (["enqueue", "add", "1", "--wait"], 2, "`jobgate call` waits for one job."),
        (["enqueue", "add", "--each", "--id", "a"], 2, "use --id-prefix"),
        (["result", "nix"], 3, "nix: No such job"),
        (["functions", "ad"], 3, "did you mean 'add'?"),
        (["call", "add", "1", "--key", "jg_secret\n"], 2, "characters that are not allowed"),
    ],
)
def test_each_failure_has_its_exit_code(stack: CallStack, words: list[str], code: int, says: str) -> None:
    done = stack.run(*words)
    assert says in done.stderr
    assert (done.exit_code, done.stdout) == (code, "")
    assert "jg_secret" not in done.output


def test_a_job_that_nobody_takes_is_no_silent_wait(stack: CallStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobgate.cli.calls.waiting._PATIENCE", 0.2)
    assert stack.run("enqueue", "add", "1", "--queue", "nobody", "--id", "waits").exit_code == 0
    done = stack.run("result", "waits", "--wait", "--timeout", "1s")
    assert (done.exit_code, done.stderr.splitlines()[0]) == (5, "Job waits waits for a worker.")


def test_several_jobs_have_a_line_each(stack: CallStack) -> None:
    for name in ("s1", "s2"):
        stack.run("call", "add", "1", "--id", name)
    done = stack.run("status", "s1", "nix", "s2")
    assert [job["job_id"] for job in lines(done)] == ["s1", "s2"]
    assert (done.exit_code, done.stderr.count("nix: No such job")) == (3, 1)


def test_functions(stack: CallStack) -> None:
    names = {each["name"]: each for each in lines(stack.run("functions"))}
    assert set(names) == {"add", "append", "echo", "fail", "flaky", "note", "sleep", "steps", "until"}
    assert lines(stack.run("functions", "f*")) == [names["fail"], names["flaky"]]
    assert lines(stack.run("functions", "add")) == [names["add"]]


def test_nobody_there_is_exit_code_4() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = jobgate("call", "add", "1", "--url", url, "--request-timeout", "1200ms")
    assert (done.exit_code, done.stdout) == (4, "")
    assert f"Error: {url} cannot be reached" in done.stderr
    assert "Still trying." in done.stderr


def test_profiles_say_where(stack: CallStack, tmp_path: Path) -> None:
    (tmp_path / "jobgate.toml").write_text(f'url = "http://nowhere.invalid"\n[here]\nurl = "{stack.url}"\n')
    assert jobgate("call", "add", "1", "--profile", "here").stdout == "2\n"
    assert jobgate("call", "add", "1", JOBGATE_PROFILE="here").stdout == "2\n"


class Garbage(BaseHTTPRequestHandler):
    """Answers everything with a page that is not jobgate's."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        body = b"<html>\x1b]0;owned\x07\xff"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of the output."""


def test_an_answer_that_is_not_jobgate_s_is_exit_code_4() -> None:
    with HTTPServer(("127.0.0.1", 0), Garbage) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        done = jobgate("call", "add", "1", "--url", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr.startswith("Error: ")
    assert "\x1b" not in done.stderr


def test_what_is_not_text_is_refused(stack: CallStack, tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for words, given in ((["@bytes"], b""), (["-"], b"\xff")):
        done = stack.run("call", "echo", *words, given=given)
        assert (done.exit_code, "is not text in UTF-8" in done.stderr) == (2, True)
    done = stack.run("call", "echo", "\udcff")  # a byte of the command line
    assert (done.exit_code, done.stdout) == (3, "")
