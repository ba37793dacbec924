"""A worker that cannot start says where in the user's own code, and then why in one sentence."""

import json
from pathlib import Path

import pytest

from harness.processes.commands import Processes

STARTS_BADLY = """
def connect():
    raise ValueError("no database")

def add(ctx, a): ...

async def on_startup(ctx):
    connect()

class Hook:
    functions = [add]
    on_startup = on_startup

class PlainHook:
    functions = [add]

    def on_startup(ctx):
        connect()
"""
RAISES = "import json\n\njson.loads('no json')\n"
NO_CTX = """
def nothing(): ...

def add(a, b): ...

def fine(ctx, a): ...

class Never:
    functions = [nothing]

class Doubtful:
    functions = [add, fine]
"""
WRONG_CRON = """
from jobgate.worker import cron

def add(ctx): ...

class WorkerSettings:
    cron_jobs = [cron(add, hour=25)]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "badly.py").write_text(STARTS_BADLY)
    (tmp_path / "raises.py").write_text(RAISES)
    (tmp_path / "no_ctx.py").write_text(NO_CTX)
    (tmp_path / "wrong_cron.py").write_text(WRONG_CRON)
    (tmp_path / "no_python.py").write_text("class")
    (tmp_path / "imports.py").write_text("import surely_not_there\n")
    (tmp_path / "names.py").write_text("class WorkerSettings:\n    functions = ['raises.add']\n")
    return tmp_path


def shown(log: str) -> tuple[list[str], str]:
    """Return the traceback and the last line of a log, after the lines of the worker's start."""
    lines = log.splitlines()
    begin = next(at for at, line in enumerate(lines) if not line[:4].isdigit())
    return lines[begin:-1], lines[-1]


@pytest.mark.parametrize(("settings", "frames"), [("badly.Hook", 2), ("badly.PlainHook", 2)])
def test_on_startup_that_raises(
    processes: Processes, folder: Path, redis_url: str, settings: str, frames: int
) -> None:
    worker = processes.start("worker", settings, "--redis", redis_url, cwd=folder)
    assert worker.wait() == 1
    traceback, sentence = shown(worker.log)
    assert sentence == "Error: on_startup raised ValueError: no database"
    files = [line.strip() for line in traceback if line.strip().startswith("File")]
    assert [line.partition(",")[0] for line in files] == [f'File "{folder}/badly.py"'] * frames
    assert files[-1].endswith("line 3, in connect")
    assert traceback[0] == "Traceback (most recent call last):"
    assert traceback[-1] == "ValueError: no database"


def test_on_startup_that_raises_in_a_log_of_json(processes: Processes, folder: Path, redis_url: str) -> None:
    words = ["worker", "badly.Hook", "--redis", redis_url, "--log-format", "json"]
    worker = processes.start(*words, cwd=folder)
    assert worker.wait() == 1
    last = json.loads(worker.log.splitlines()[-1])
    assert last["message"] == "on_startup raised ValueError: no database"
    assert f'File "{folder}/badly.py", line 3, in connect' in last["exception"]
    assert "jobgate" not in last["exception"]


@pytest.mark.parametrize("command", ["worker", "check"])
@pytest.mark.parametrize(
    ("settings", "places", "says"),
    [
        ("raises.Any", ['raises.py", line 3, in <module>', "json.loads('no json')"], "JSONDecodeError: Exp"),
        ("wrong_cron.Any", ['wrong_cron.py", line 6, in <module>', "cron(add, hour=25)"], "hour"),
        ("no_python.Any", ['no_python.py", line 1', "class"], "SyntaxError: invalid syntax"),
        ("imports.Any", ['imports.py", line 1, in <module>'], "imports 'surely_not_there': install it"),
        (
            "names.WorkerSettings",
            ['raises.py", line 3, in <module>'],
            "raises.add: importing 'raises' failed",
        ),
    ],
)
def test_a_module_that_cannot_be_imported(
    processes: Processes, folder: Path, command: str, settings: str, places: list[str], says: str
) -> None:
    worker = processes.start(command, settings, cwd=folder)
    assert worker.wait() == 1
    traceback, sentence = shown(worker.log)
    assert sentence.startswith("Error: ")
    assert says in sentence
    for place in places:
        assert any(place in line for line in traceback), worker.log
    own = [line for line in traceback if "jobgate" in line and "SettingsError" not in line]
    assert [line for line in own if "File" in line] == []
    assert not any(word in line for line in traceback for word in ("click", "importlib"))


def test_where_nothing_was_raised_there_is_no_traceback(processes: Processes, folder: Path) -> None:
    worker = processes.start("worker", "nothing_there.WorkerSettings", cwd=folder)
    assert worker.wait() == 1
    assert len(worker.log.splitlines()) == 1


@pytest.mark.parametrize("command", ["worker", "check"])
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["badly.py"], 1, "'badly.py' is a file: write the module and the name in it, badly.WorkerSettings"),
        (["./badly.py"], 1, "is a file: write the module and the name in it, badly.WorkerSettings"),
        (["deep/badly.py:Hook"], 1, "write the module and the name in it, deep.badly.Hook"),
        (["badly"], 1, "'badly' is not of the form MODULE.NAME, for example badly.WorkerSettings"),
        (
            ["badly.add"],
            1,
            "add is a function: put it into a class, for example WorkerSettings with functions",
        ),
        (["no_ctx.Never"], 1, "functions: nothing cannot take ctx, define it as nothing(ctx)"),
        (["badly.Hook", "--queue", ""], 2, "a queue must have a name; leave out --queue to use"),
        (["badly.Hook", "--queue", "=2"], 2, "a queue must have a name; leave out --queue to use"),
    ],
)
def test_the_mistake_is_named(
    processes: Processes, folder: Path, command: str, words: list[str], code: int, says: str
) -> None:
    worker = processes.start(command, *words, cwd=folder)
    assert worker.wait() == code
    assert says in worker.log
    assert "Traceback" not in worker.log


def test_a_function_that_seems_to_lack_ctx_is_warned_of(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    worker = processes.start("worker", "no_ctx.Doubtful", "--redis", redis_url, "--burst", cwd=folder)
    assert worker.wait() == 0
    (warning,) = [line for line in worker.log.splitlines() if " WARNING " in line and "ctx" in line]
    assert warning.endswith(
        "the first argument of a function is ctx, add has 'a' there: define it as add(ctx, a, b)"
    )
