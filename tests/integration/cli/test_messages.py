"""Wrong use is answered with what is wrong and what to write instead, on the command line as it is used."""

from pathlib import Path
from typing import Any

import pytest

from harness.processes.commands import Processes
from harness.systems.gateways import running_gateway
from jobgate.worker import LoadError, Settings, SettingsError, Worker, WorkerError, load_settings

JOBS = """
async def f(ctx): ...

class WorkerSettings:
    functions = [f]

    @property
    def redis_settings(self):
        return "redis://localhost"

class BothHooks:
    functions = [f]

    async def on_startup(ctx):
        raise ValueError("no database")

    async def on_shutdown(ctx):
        await ctx["database"].close()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "shop_of_messages"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "jobs.py").write_text(JOBS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            "shop_of_messages.jobs",
            "is a module: add the name of its settings class, for example shop_of_messages.jobs.W",
        ),
        (
            "shop_of_messages:jobs",
            "is a module: add the name of its settings class, for example shop_of_messages.jobs.W",
        ),
        ("WorkerSettings", "not of the form MODULE.NAME, for example jobs.WorkerSettings$"),
        ("Worker", "not of the form MODULE.NAME, for example jobs.Worker$"),
        ("jobs", "not of the form MODULE.NAME, for example jobs.WorkerSettings$"),
        ("shop_of_messages.jobs.WorkerSetings", "has no 'WorkerSetings', did you mean 'WorkerSettings'"),
    ],
)
def test_settings_that_are_named_half_are_named_in_full(folder: Path, path: str, says: str) -> None:
    with pytest.raises(LoadError, match=says):
        load_settings(path)


def test_a_property_of_a_class_is_named(folder: Path) -> None:
    found = load_settings("shop_of_messages.jobs.WorkerSettings")
    with pytest.raises(
        SettingsError, match="redis_settings is a property, which has no value on the class itself"
    ):
        Settings.of(found)
    assert Settings.of(found()).redis.host == "localhost"


def test_on_startup_that_raises_comes_first_where_on_shutdown_then_raises_too(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    worker = processes.start("worker", "shop_of_messages.jobs.BothHooks", "--redis", redis_url, cwd=folder)
    assert worker.wait() == 1
    lines = [line for line in worker.log.splitlines() if " INFO " not in line]
    assert lines[0].endswith("on_shutdown raised KeyError too, ignored: 'database'")
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "Error: on_startup raised ValueError: no database"
    assert len(lines) <= 7


async def test_run_inside_a_loop_names_what_to_call(redis_url: str) -> None:
    async def f(ctx: dict[str, Any]) -> None: ...

    worker = Worker({"functions": [f], "redis_settings": redis_url})
    with pytest.raises(WorkerError, match=r"use `await worker.async_run\(\)`, not run\(\)"):
        worker.run()
    await worker.close()


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ("timout", "did you mean 'timeout'?"),
        ("arg", "did you mean 'args'?"),
        ("jobid", "did you mean 'job_id'?"),
        ("max_try", "did you mean 'max_tries'?"),
        ("name", "No such member: arguments go into args and kwargs."),
        ("idempotency_key", "a single job has the header Idempotency-Key"),
        ("Idempotency-Key", "a single job has the header Idempotency-Key"),
    ],
)
async def test_a_member_that_is_nearly_right_is_asked_for(redis_url: str, member: str, says: str) -> None:
    async with running_gateway(redis_url) as gateway:
        status, problem, _ = await gateway.post("/jobs/f", {member: 5})
    assert status == 422
    assert says in problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("args", "README.md", "It must be an array."),
        ("kwargs", [], "It must be an object."),
        ("timeout", "5", "It must be a number of seconds from 0.001 to 315360000."),
        ("job_id", "a:b", "A job id must be 1 to 128 letters, digits and _ . ~ -."),
        ("max_tries", 0, "It must be an integer from 1 to"),
        ("defer_until", "today", "It must be a date-time of RFC 3339"),
    ],
)
async def test_a_wrong_value_is_answered_with_what_it_must_be(
    redis_url: str, member: str, value: Any, says: str
) -> None:
    async with running_gateway(redis_url) as gateway:
        status, problem, _ = await gateway.post("/jobs/f", {member: value})
    assert status == 422
    assert problem["errors"][0]["pointer"] == f"#/{member}"
    assert problem["errors"][0]["detail"].startswith(says)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://127.0.0.1:1/0?socket_timeout=5", "unknown option 'socket_timeout', known are db, master"),
        ("rediss://127.0.0.1:1/0?ssl_cert_reqs=never", "'ssl_cert_reqs' cannot be used, write required"),
    ],
)
@pytest.mark.parametrize("words", [["gateway"], ["worker", "examples.settings.WorkerSettings"]])
def test_a_wrong_option_of_a_redis_url_is_named_at_the_start(
    processes: Processes, words: list[str], url: str, says: str
) -> None:
    process = processes.start(*words, "--redis", url)
    assert process.wait() == 1
    assert says in process.log
    assert "Traceback" not in process.log
