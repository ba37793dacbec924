"""A Redis server of the user's own."""

import os

import pytest

from jobgate.client import BlockingClient
from jobgate.testing import Environment


@pytest.fixture(scope="session")
def jobgate_redis_url() -> str:
    return os.environ["OWN_REDIS_URL"]


def test_own_server(jobgate_environment: Environment, jobgate_blocking_client: BlockingClient) -> None:
    assert jobgate_environment.redis_url == os.environ["OWN_REDIS_URL"]
    jobgate_blocking_client.enqueue("add", 1, 2)
