"""How long a test takes after the first one: `pytest speed_cases.py`."""

import os
import time
from itertools import pairwise
from statistics import median

import pytest

from jobgate.client import BlockingClient
from jobgate.testing import ManualWorker

#: Seconds of processor time when each test began. It is about the same beside other tests as alone.
BEGINNINGS: list[float] = []
#: Seconds that one may take, in the long form, on a machine that does nothing else. The short form runs
#: anywhere, also beside other tests: it notices when each test starts a server of its own.
LONGEST = 0.02 if os.environ.get("JOBGATE_TEST_LONG") else 0.1


@pytest.fixture(autouse=True)
def beginning() -> None:
    BEGINNINGS.append(time.process_time())


@pytest.mark.parametrize("number", range(40))
def test_one_job(jobgate_blocking_client: BlockingClient, jobgate_worker: ManualWorker, number: int) -> None:
    job = jobgate_blocking_client.enqueue("add", number, 1)
    jobgate_worker.run_jobs_blocking()
    assert job.result(timeout=0) == number + 1


def test_each_took_less_than_that() -> None:
    took = [end - begin for begin, end in pairwise(BEGINNINGS)]
    assert (
        median(sorted(took[1:])[:20]) < LONGEST
    )  # of the faster half: a busy machine slows single tests down
