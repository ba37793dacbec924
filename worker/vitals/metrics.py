"""The worker's Prometheus metrics. Labels hold names of its own functions only, else `other`."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import accumulate, product

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from jobgate.broker.records import FailureCode
from jobgate.worker.cron_jobs.ticks import Skip
from jobgate.worker.jobs.outcome import Kind
from jobgate.worker.vitals.liveness import State

#: Label of jobs whose function this worker does not have.
OTHER = "other"
#: Label of outcomes that were written too late, when somebody else held the lease.
STALE = "stale"
#: Label of outcomes that were perhaps written: an answer of Redis was lost, and no trace is left.
UNCONFIRMED = "unconfirmed"

_RUN_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800)
_WAIT_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 1_800)
_OUTCOMES = (Kind.SUCCESS, Kind.RETRY, Kind.RELEASE, Kind.LOST, *FailureCode)
_JOBS_TEXT = f"Tries that ended, by outcome: {', '.join(_OUTCOMES)}, {STALE} or {UNCONFIRMED}."
_SKIPS_TEXT = f"Runs of cron jobs that were skipped, by reason: {', '.join(Skip)}."
_STATE_TEXT = f"1 for the current state of the worker: {', '.join(State)}."
_RUN_TEXT = "Time that a function ran."
_WAIT_TEXT = "Time from a job's due time to its start: deliberate delay is not counted."


class Tally:
    """A histogram that one thread writes and any thread reads, without locks."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: list[str]) -> None:
        """Add what was counted to a family of metrics."""
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        buckets = list(zip(names, accumulate(self._counts), strict=True))
        family.add_metric(labels, buckets=buckets, sum_value=self._sum)


class FunctionMetrics:
    """What is counted of one function, in plain numbers: each job touches several of them."""

    __slots__ = ("outcomes", "run", "wait")

    def __init__(self) -> None:
        # The usual ones exist from the start, so that rates do not miss the first job.
        self.outcomes: dict[str, int] = {str(Kind.SUCCESS): 0, str(FailureCode.ERROR): 0}
        self.run = Tally(_RUN_BUCKETS)
        self.wait = Tally(_WAIT_BUCKETS)

    def started(self, waited: float) -> None:
        """Note that a job began `waited` seconds after it was due."""
        self.wait.observe(max(waited, 0.0))

    def ran(self, seconds: float) -> None:
        """Note how long the function ran."""
        self.run.observe(seconds)

    def ended(self, outcome: str) -> None:
        """Count a job's outcome."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1


class _FunctionCollector(Collector):
    """Turns the numbers of all functions into Prometheus' metrics, when they are asked for."""

    def __init__(self, functions: Mapping[str, FunctionMetrics]) -> None:
        self._functions = functions

    def collect(self) -> Iterator[Metric]:
        """Yield the families of metrics that have a function as label."""
        jobs = CounterMetricFamily("jobgate_worker_jobs", _JOBS_TEXT, labels=["function", "outcome"])
        run = HistogramMetricFamily("jobgate_worker_run_seconds", _RUN_TEXT, labels=["function"])
        wait = HistogramMetricFamily("jobgate_worker_queue_wait_seconds", _WAIT_TEXT, labels=["function"])
        for name, metrics in self._functions.items():
            for outcome, count in list(metrics.outcomes.items()):
                jobs.add_metric([name, outcome], count)
            metrics.run.add_to(run, [name])
            metrics.wait.add_to(wait, [name])
        yield from (jobs, run, wait)


class WorkerMetrics:
    """The metrics of one worker and its process, in a registry of their own.

    Args:
        functions: names of the worker's functions.
        max_jobs: the worker's setting.
        cron_jobs: names of its cron jobs.
    """

    def __init__(self, functions: Iterable[str], *, max_jobs: int, cron_jobs: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._by_function = {name: FunctionMetrics() for name in (*functions, OTHER)}
        self.registry.register(_FunctionCollector(self._by_function))
        self.in_progress = self._gauge("jobgate_worker_in_progress", "Jobs that run in this worker now.")
        self._gauge("jobgate_worker_max_jobs", "Jobs that may run in this worker at once.").set(max_jobs)
        self.loop_lag = self._gauge(
            "jobgate_worker_loop_lag_seconds",
            "How long the event loop has been blocked, beyond its regular beat.",
        )
        self._state = Gauge("jobgate_worker_state", _STATE_TEXT, ["state"], registry=self.registry)
        self.leases_lost = self._counter("leases_lost", "Leases that went to another worker or ran out.")
        self.stale_finishes = self._counter(
            "stale_finishes", "Outcomes dropped because another worker held the lease by then."
        )
        self.claim_failures = self._counter("claim_failures", "Claims that Redis did not answer.")
        self._cron_skips = Counter(
            "jobgate_worker_cron_skipped", _SKIPS_TEXT, ["function", "reason"], registry=self.registry
        )
        for name, reason in product(cron_jobs, Skip):
            self._cron_skips.labels(name, reason)

    def cron_skipped(self, function: str, reason: Skip, count: int) -> None:
        """Count runs of a cron job that were left out."""
        self._cron_skips.labels(function, reason).inc(count)

    def follow(self, state: Callable[[], State]) -> None:
        """Show the state that a function returns."""
        for each in State:
            self._state.labels(each).set_function(partial(_is_in, each, state))

    def of(self, function: str) -> FunctionMetrics:
        """Return the metrics of a function, or those of `other`."""
        return self._by_function.get(function) or self._by_function[OTHER]

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"jobgate_worker_{name}", text, registry=self.registry)


def _is_in(wanted: State, state: Callable[[], State]) -> float:
    return float(state() is wanted)
