"""anyio, plain tests, one loop for a class, and tests that fail."""

import pytest

from jobgate.client import BlockingClient, Client
from jobgate.testing import ManualWorker
from jobgate.worker import func


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_anyio(anyio_backend: str, jobgate_client: Client, jobgate_worker: ManualWorker) -> None:
    job = await jobgate_client.enqueue("add", 1, 2)
    await jobgate_worker.run_jobs()
    assert await job.result(timeout=0) == 3


def test_plain(jobgate_blocking_client: BlockingClient, jobgate_worker: ManualWorker) -> None:
    job = jobgate_blocking_client.enqueue("charge", 7)
    jobgate_worker.drain_blocking()
    assert job.result(timeout=0) == "charged 7"


class Adding:
    functions = (func("shop_jobs.add", name="add"),)


@pytest.mark.jobgate(settings=Adding)
class TestOfOneLoop:
    @pytest.mark.asyncio(loop_scope="class")
    @pytest.mark.parametrize("again", [False, True])
    async def test_each_test_has_a_namespace(
        self, again: bool, jobgate_client: Client, jobgate_worker: ManualWorker
    ) -> None:
        await jobgate_client.enqueue("add", 1, 2, _job_id="mine")
        assert len(await jobgate_worker.run_jobs()) == 1


@pytest.mark.jobgate("shop_jobs.Settings")
def test_fails_with_a_wrong_name(jobgate_worker: ManualWorker) -> None:
    raise NotImplementedError


@pytest.fixture
def broken(jobgate_blocking_client: BlockingClient) -> None:
    jobgate_blocking_client.enqueue("add", 1, 2)
    raise LookupError("the user's fixture is broken")


def test_fails_in_a_fixture(broken: None, jobgate_worker: ManualWorker) -> None:
    raise NotImplementedError


def test_fails_by_an_assertion(jobgate_worker: ManualWorker) -> None:
    jobgate_worker.assert_enqueued("add", 1, 2)


def test_fails_without_a_worker(jobgate_blocking_client: BlockingClient) -> None:
    jobgate_blocking_client.call("add", 1, 2, _timeout=0)
