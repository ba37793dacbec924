"""A served gateway, and a worker that the test plays, for all tests of this folder."""

from collections.abc import AsyncIterator

import pytest

from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from jobgate.broker import Broker


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[RunningGateway]:
    """A gateway with its defaults."""
    async with running_gateway(redis_url) as running:
        yield running


@pytest.fixture
async def worker(redis_url: str) -> AsyncIterator[PlayedWorker]:
    """A worker of the default queue; it offers nothing until it announces itself."""
    async with Broker(redis_url) as broker:
        yield PlayedWorker(broker, "add", "send_invoice")
