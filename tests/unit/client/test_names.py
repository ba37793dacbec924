"""What can be imported from jobgate.client, with and without a Redis library."""

import subprocess
import sys

import pytest

import jobgate.client
from jobgate.client import JobStatus

WITHOUT_REDIS = """
import sys
sys.modules["redis"] = sys.modules["hiredis"] = None
import jobgate.client as client
client.Client("http://localhost"), client.JobHandle, client.JobDef, client.ResultNotFound
for name in ("ArqRedis", "Job", "RedisSettings", "create_pool"):
    try:
        getattr(client, name)
    except client.MissingExtra as error:
        assert "extra [worker]" in str(error), error
        assert isinstance(error, ImportError)
    else:
        raise AssertionError(name)
"""


def test_the_base_install_has_all_but_redis() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_REDIS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_names_that_need_redis_are_loaded_when_they_are_named() -> None:
    before = "import sys, jobgate.client; assert 'redis' not in sys.modules; "
    subprocess.run([sys.executable, "-c", before + "jobgate.client.Job; sys.modules['redis']"], check=True)


def test_other_names_are_unknown() -> None:
    with pytest.raises(AttributeError, match=r"'jobgate\.client' has no attribute 'nothing'"):
        jobgate.client.nothing  # noqa: B018


def test_one_enum_serves_both() -> None:
    assert JobStatus["deferred"] is JobStatus.DEFERRED
    assert JobStatus("not_found") is JobStatus.not_found
    assert [status.value for status in JobStatus] == [
        "deferred",
        "queued",
        "in_progress",
        "complete",
        "not_found",
    ]
