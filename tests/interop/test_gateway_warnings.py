"""A gateway before stock arq workers whose jobs they cannot read."""

import pytest

from harness.arq.stock import arq_worker
from harness.processes.commands import Processes

pytestmark = pytest.mark.early


def test_a_forgotten_serializer_is_said_once(processes: Processes, redis_url: str) -> None:
    worker = arq_worker(processes, redis_url, QUEUE="arq:queue")
    worker.wait_for_log("Starting worker for")
    silent = processes.gateway(redis_url, "--serializer", "pickle")
    gateway = processes.gateway(redis_url)
    gateway.wait_for_log(
        "WARNING .*arq:queue.*start the gateway with --serializer pickle, they cannot read json$"
    )
    assert silent.terminate() == 0
    assert gateway.terminate() == 0
    assert gateway.log.count("--serializer pickle") == 1
    assert "--serializer pickle" not in silent.log
