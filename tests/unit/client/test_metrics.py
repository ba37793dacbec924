"""The client's metrics."""

import asyncio

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from jobgate.client import Client, JobAborted, ResultTimeout
from jobgate.client.metrics import FUNCTION_LABELS, metrics_of


def calls(registry: CollectorRegistry, function: str, outcome: str) -> float:
    labels = {"function": function, "outcome": outcome}
    return registry.get_sample_value("jobgate_client_calls_total", labels) or 0.0


def test_calls_are_counted_by_outcome_and_timed() -> None:
    registry = CollectorRegistry()
    metrics = metrics_of(registry)
    with metrics.call("fn"):
        pass
    for error in (ResultTimeout(), JobAborted("T", "m"), RuntimeError(), asyncio.CancelledError()):
        with pytest.raises(type(error)), metrics.call("fn"):
            raise error
    outcomes = ["success", "timeout", "aborted", "error", "cancelled"]
    assert [calls(registry, "fn", outcome) for outcome in outcomes] == [1.0] * 5
    timed = registry.get_sample_value("jobgate_client_call_duration_seconds_count", {"function": "fn"})
    assert timed == 5


def test_the_number_of_labels_is_bounded() -> None:
    registry = CollectorRegistry()
    metrics = metrics_of(registry)
    for number in range(FUNCTION_LABELS + 50):
        with metrics.call(f"fn{number}"):
            pass
    assert calls(registry, "other", "success") == 50
    assert calls(registry, f"fn{FUNCTION_LABELS}", "success") == 0
    with metrics.call("fn0"):
        pass
    assert calls(registry, "fn0", "success") == 2


def test_clients_share_the_metrics_of_a_registry() -> None:
    registry = CollectorRegistry()
    assert metrics_of(registry) is metrics_of(registry)
    assert metrics_of(registry) is not metrics_of(CollectorRegistry())
    assert Client("http://one")._metrics is Client("http://two", registry=REGISTRY)._metrics
