"""What `import` says where the packages of an extra are missing, as in the base install."""

import subprocess
import sys

import pytest

HOW = "in its folder: pip install"
REDIS = f"redis is not installed: install jobgate with its extra [worker] or [gateway], {HOW} '.[worker]'."


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
    ],
)
def test_a_missing_package_is_one_sentence(missing: list[str], program: str, says: str) -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys({missing}))\n{program}"
    words = [sys.executable, "-c", code]
    out = subprocess.run(words, capture_output=True, text=True, check=False).stderr
    assert out.splitlines()[-1] == f"ModuleNotFoundError: {says}"
    assert out.count("Traceback") == 1


def test_the_worker_alone_needs_nothing_of_the_gateway_s() -> None:
    code = "import sys; sys.modules['yaml'] = None; import jobgate.worker"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_worker_starts_without_what_only_a_gateway_and_its_callers_need() -> None:
    """It takes a third of the time that a worker takes to start."""
    code = (
        "import sys, jobgate.cli.commands.run.worker; assert not {'aiohttp', 'yarl', 'yaml'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
