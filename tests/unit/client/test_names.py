"""What can be imported from jobgate.client, with and without a Redis library."""

import subprocess
import sys

import jobgate.client
from jobgate.client import JobStatus

WITHOUT_REDIS = """
import sys
sys.modules["redis"] = sys.modules["hiredis"] = None
import jobgate.client as client
client.Client("http://localhost"), client.JobHandle
try:
    client.Client("redis://localhost")
except client.MissingExtra as error:
    assert "extra [worker]" in str(error), error
    assert isinstance(error, ImportError)
else:
    raise AssertionError("no error")
"""


def test_the_base_install_has_all_but_redis() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_REDIS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_client_needs_only_later_is_not_loaded_before_it_is_used() -> None:
    needed = {"redis", "hiredis", "jobgate.broker", "aiohttp", "yarl", "prometheus_client", "rich"}
    code = f"import sys, jobgate.client; assert not {needed} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_arqs_names_are_not_here() -> None:
    assert not {"ArqRedis", "Job", "RedisSettings", "create_pool"} & {*jobgate.client.__all__}
    assert [status.value for status in JobStatus] == ["deferred", "queued", "in_progress", "complete"]
