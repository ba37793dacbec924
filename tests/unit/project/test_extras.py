"""What `import` says where the packages of an extra are missing, as in the base install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOW = "in its folder: pip install"
REDIS = f"redis is not installed: install jobgate with its extra [worker] or [gateway], {HOW} '.[worker]'."
TESTING = f"is not installed: install jobgate with its extra [testing], {HOW} '.[testing]'."


@pytest.mark.parametrize(
    ("missing", "program", "says"),
    [
        (["redis"], "from jobgate.worker import func", REDIS),
        (["redis", "hiredis"], "from jobgate.worker.functions.retries import Backoff", REDIS),
        (["redis"], "from jobgate.gateway import run", REDIS),
        (["redis"], "from jobgate.broker import Broker", REDIS),
        (["redis"], "from jobgate.arq import create_pool", REDIS),
        (["redis"], "from jobgate.arq.connections import create_pool", REDIS),
        (["hiredis"], "import jobgate.worker", REDIS.replace("redis", "hiredis", 1)),
        (
            ["yaml"],
            "import jobgate.gateway",
            f"yaml is not installed: install jobgate with its extra [gateway], {HOW} '.[gateway]'.",
        ),
        (["redis"], "from jobgate.testing import JobgateTestMixin", f"redis {TESTING}"),
        (["yaml"], "from jobgate.testing import ManualWorker", f"yaml {TESTING}"),
    ],
)
def test_a_missing_package_is_one_sentence(missing: list[str], program: str, says: str) -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys({missing}))\n{program}"
    words = [sys.executable, "-c", code]
    out = subprocess.run(words, capture_output=True, text=True, check=False).stderr
    assert out.splitlines()[-1] == f"ModuleNotFoundError: {says}"
    assert out.count("Traceback") == 1


def test_fixtures_say_it_too(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import sys; sys.modules['redis'] = None")
    (tmp_path / "test_it.py").write_text("def test(jobgate_worker): pass")
    words = [sys.executable, "-m", "pytest", "-p", "jobgate.testing.pytest_plugin", "-p", "no:cacheprovider"]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert f"\nredis {TESTING}\n" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_worker_alone_needs_nothing_of_the_gateway_s() -> None:
    code = "import sys; sys.modules['yaml'] = None; import jobgate.worker"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_worker_starts_without_what_only_a_gateway_and_its_callers_need() -> None:
    """It takes a third of the time that a worker takes to start."""
    code = (
        "import sys, jobgate.cli.commands.run.worker; assert not {'aiohttp', 'yarl', 'yaml'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
