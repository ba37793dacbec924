"""The client's Prometheus metrics: calls and enqueues by function and outcome, durations, retries."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from jobgate.client.errors import JobgateError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter

#: How many function names get labels of their own; further ones are counted as `other`.
FUNCTION_LABELS = 200

#: In seconds: from a call that a worker answers at once to a job of half an hour.
_DURATION_BUCKETS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800,
)  # fmt: skip


class ClientMetrics:
    """The metrics of all clients that share one registry.

    The label `outcome` is `success`, the `outcome` of an error class, or `cancelled` if the caller gave up.
    """

    def __init__(self, registry: "CollectorRegistry") -> None:
        """Register the metrics. A registry takes them only once: use `metrics_of`."""
        from prometheus_client import Counter, Histogram  # noqa: PLC0415 - as in `metrics_of`

        self._functions: set[str] = set()
        self._calls = Counter(
            "jobgate_client_calls",
            "Calls that ended, by function and outcome.",
            ["function", "outcome"],
            registry=registry,
        )
        self._call_seconds = Histogram(
            "jobgate_client_call_duration_seconds",
            "Time from the start of a call to its end.",
            ["function"],
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self._enqueues = Counter(
            "jobgate_client_enqueues",
            "Enqueues that ended, by function and outcome.",
            ["function", "outcome"],
            registry=registry,
        )
        self._retries = Counter(
            "jobgate_client_retries",
            "Requests that were repeated, by reason.",
            ["reason"],
            registry=registry,
        )

    def retried(self, reason: str) -> None:
        """Count a retry; `reason` is `connection`, `unavailable` or `rate-limited`."""
        self._retries.labels(reason).inc()

    @contextmanager
    def call(self, function: str) -> Iterator[None]:
        """Count and time the call that the block makes."""
        start = monotonic()
        label = self._label(function)
        with self._outcome(self._calls, label):
            try:
                yield
            finally:
                self._call_seconds.labels(label).observe(monotonic() - start)

    @contextmanager
    def enqueue(self, function: str) -> Iterator[None]:
        """Count the enqueue that the block makes."""
        with self._outcome(self._enqueues, self._label(function)):
            yield

    def enqueued(self, function: str, outcome: str) -> None:
        """Count one enqueue of many, with its outcome."""
        self._enqueues.labels(self._label(function), outcome).inc()

    def _label(self, function: str) -> str:
        if len(self._functions) < FUNCTION_LABELS:
            self._functions.add(function)
        return function if function in self._functions else "other"

    @contextmanager
    def _outcome(self, counter: "Counter", label: str) -> Iterator[None]:
        outcome = "cancelled"
        try:
            yield
            outcome = "success"
        except JobgateError as error:
            outcome = error.outcome
            raise
        except Exception:
            outcome = "error"
            raise
        finally:
            counter.labels(label, outcome).inc()


def metrics_of(registry: "CollectorRegistry | None") -> ClientMetrics:
    """Return the metrics of a registry, None = the default one; always the same object."""
    # Not at the top: with it, a program that only imports the client would start a fifth slower.
    from prometheus_client import REGISTRY  # noqa: PLC0415

    return _metrics_of(registry or REGISTRY)


@functools.cache
def _metrics_of(registry: "CollectorRegistry") -> ClientMetrics:
    return ClientMetrics(registry)
