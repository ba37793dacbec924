"""The kit in projects of users: the plugin with other plugins and in parallel, unittest and Django."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.servers.redis_server import RedisServer

PROJECT = Path(__file__).parent / "project"
CONFIGURATION = """
[pytest]
python_files = check_*.py
pythonpath = .
jobgate_settings = shop_jobs.WorkerSettings
asyncio_default_fixture_loop_scope = function
filterwarnings =
    error
    ignore:.*event_loop_policy.*
    ignore:.*EventLoopPolicy.*
addopts = --strict-markers -p no:cacheprovider
"""
PLUGINS = ("jobgate.testing.pytest_plugin", "pytest_asyncio.plugin", "anyio.pytest_plugin", "xdist.plugin")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pytest.ini").write_text(CONFIGURATION)
    (tmp_path / "tmp").mkdir()
    return folder


def run(project: Path, *words: str, **environment: str) -> str:
    """Run Python in a project, see that it leaves nothing behind, and return what it printed."""
    temporary = project.parent / "tmp"
    env = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": "", **environment}
    env = {name: value for name, value in env.items() if not name.startswith("PYTEST_")}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # those of this environment, which take long to import
    done = subprocess.run(
        [sys.executable, *words], cwd=project, env=env, capture_output=True, text=True, check=False
    )
    printed = done.stdout + done.stderr
    left = [one.name for one in temporary.iterdir() if one.name.startswith("jobgate-testing-")]
    assert left == [], printed
    assert [one for one in psutil.process_iter(["cmdline"]) if str(temporary) in str(one.info)] == []
    return printed


def test_pytest(project: Path, valkey_server: RedisServer) -> None:
    valkey_server.reset()
    plugins = [word for name in PLUGINS for word in ("-p", name)]
    printed = run(project, "-m", "pytest", "-n2", *plugins, OWN_REDIS_URL=valkey_server.url)
    assert re.search(r"= 2 failed, 11 passed, 2 errors in", printed), printed
    assert "module 'shop_jobs' has no 'Settings'" in printed
    assert "LookupError: the user's fixture is broken" in printed
    assert "expected add(1, 2) to be enqueued, found none. Nothing was enqueued." in printed
    assert "with jobgate_worker.running(): ..." in printed
    assert printed.count("Traceback") == 0
    with valkey_server.client() as client:
        assert client.keys() == []


def test_unittest_and_django(project: Path) -> None:
    printed = run(project, "-W", "error", "django_cases.py")
    assert re.search(r"Ran 7 tests .*\n\nOK\n", printed), printed


def test_a_test_takes_little_after_the_first(project: Path) -> None:
    plugins = [word for name in PLUGINS[:2] for word in ("-p", name)]
    printed = run(project, "-m", "pytest", *plugins, "speed_cases.py")
    assert "= 41 passed in" in printed, printed
