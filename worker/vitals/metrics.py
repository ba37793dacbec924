"""The worker's Prometheus metrics. Their label `function` is a name of its own functions, or `other`.

The events that they count are those of an `Observer`. A new event: `jobs/observers.py`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import accumulate, product
from math import inf

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

from jobgate.broker import TIME_BOUNDS, BrokerError, FailureCode, FunctionTimes
from jobgate.worker.cron_jobs import Skip
from jobgate.worker.jobs import Observer, Outcome, OutcomeKind, RunningJob, RunningJobs
from jobgate.worker.vitals.liveness import Liveness, State

#: Label of jobs whose function this worker does not have.
OTHER = "other"
#: Label of outcomes that came too late: another worker held the lease.
STALE = "stale"
#: Label of outcomes that may have been written: the answer of Redis was lost, and left no trace.
UNCONFIRMED = "unconfirmed"

#: Bounds of the histograms, of those that are counted.
_RUN_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800)
_WAIT_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 1_800)
_OUTCOMES = (OutcomeKind.SUCCESS, OutcomeKind.RETRY, OutcomeKind.RELEASE, OutcomeKind.LOST, *FailureCode)
_JOBS_TEXT = f"Tries that ended, by outcome: {', '.join(_OUTCOMES)}, {STALE} or {UNCONFIRMED}."
_SKIPS_TEXT = f"Runs of cron jobs that were skipped, by reason: {', '.join(Skip)}."
_STATE_TEXT = f"1 for the current state of the worker: {', '.join(State)}."
_RUN_TEXT = "Time that a function ran."
_WAIT_TEXT = "Time from a job's due time to its start: deliberate delay is not counted."


class Tally:
    """A histogram over `TIME_BOUNDS` that one thread writes and any thread reads, without locks."""

    __slots__ = ("_sum", "counts")

    def __init__(self) -> None:
        #: How many values there were in each bucket.
        self.counts = [0] * (len(TIME_BOUNDS) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(TIME_BOUNDS, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: list[str], bounds: tuple[float, ...]) -> None:
        """Add the counts to a family of metrics that has some of the bounds."""
        counts = dict(zip((*TIME_BOUNDS, inf), accumulate(self.counts), strict=True))
        shown = (*bounds, inf)
        buckets = [
            (name, counts[bound]) for name, bound in zip(map(floatToGoString, shown), shown, strict=True)
        ]
        family.add_metric(labels, buckets=buckets, sum_value=self._sum)


class FunctionMetrics:
    """The counts of one function, as plain numbers: each job touches several of them."""

    __slots__ = ("outcomes", "run", "wait")

    def __init__(self) -> None:
        # The usual ones exist from the start, so that rates do not miss the first job.
        self.outcomes = defaultdict[str, int](int, {OutcomeKind.SUCCESS: 0, FailureCode.ERROR: 0})
        self.run = Tally()
        self.wait = Tally()


class _FunctionCollector(Collector):
    """Turns the counts of all functions into Prometheus' metrics when they are scraped."""

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
            metrics.run.add_to(run, [name], _RUN_BUCKETS)
            metrics.wait.add_to(wait, [name], _WAIT_BUCKETS)
        yield from (jobs, run, wait)


class WorkerMetrics(Observer):
    """The metrics of one worker and its process, in a registry of their own. They count over all of its runs.

    Args:
        functions: Names of the worker's functions.
        max_jobs: The worker's setting.
        cron_jobs: Names of its cron jobs.
    """

    def __init__(self, functions: Iterable[str], *, max_jobs: int, cron_jobs: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._by_function = {name: FunctionMetrics() for name in (*functions, OTHER)}
        self.registry.register(_FunctionCollector(self._by_function))
        self._in_progress = self._gauge("jobgate_worker_in_progress", "Jobs that run in this worker now.")
        self._gauge("jobgate_worker_max_jobs", "Jobs that may run in this worker at once.").set(max_jobs)
        self._loop_lag = self._gauge(
            "jobgate_worker_loop_lag_seconds",
            "How long the event loop has been blocked, beyond its regular beat.",
        )
        self._state = Gauge("jobgate_worker_state", _STATE_TEXT, ["state"], registry=self.registry)
        self._leases_lost = self._counter("leases_lost", "Leases that went to another worker or ran out.")
        self._stale_finishes = self._counter(
            "stale_finishes", "Outcomes dropped because another worker held the lease by then."
        )
        self._claim_failures = self._counter("claim_failures", "Claims that Redis did not answer.")
        self._cron_skips = Counter(
            "jobgate_worker_cron_skipped", _SKIPS_TEXT, ["function", "reason"], registry=self.registry
        )
        for name, reason in product(cron_jobs, Skip):
            self._cron_skips.labels(name, reason)

    def cron_skipped(self, function: str, reason: Skip, count: int) -> None:
        """Count skipped runs of a cron job."""
        self._cron_skips.labels(function, reason).inc(count)

    def times(self) -> dict[str, FunctionTimes]:
        """Return how long jobs ran and waited, by function."""
        return {
            name: FunctionTimes(tuple(one.run.counts), tuple(one.wait.counts))
            for name, one in self._by_function.items()
            if name != OTHER
        }

    def follow(self, liveness: Liveness, jobs: RunningJobs) -> None:
        """Show the state, the loop lag and the number of jobs of a run from now on."""
        self._loop_lag.set_function(liveness.pulse.lag)
        self._in_progress.set_function(lambda: jobs.in_progress)
        for each in State:
            self._state.labels(each).set_function(partial(_is_in, each, liveness))

    def claim_failed(self, queue: str, error: BrokerError) -> None:
        """Count it."""
        self._claim_failures.inc()

    def job_started(self, job: RunningJob, waited: float) -> None:
        """Observe the queue wait."""
        self._of(job).wait.observe(max(waited, 0.0))

    def job_ended(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        """Observe the run time."""
        self._of(job).run.observe(seconds)

    def outcome_written(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        """Count it."""
        self._of(job).outcomes[outcome.label] += 1

    def outcome_stale(self, job: RunningJob) -> None:
        """Count it."""
        self._stale_finishes.inc()
        self._of(job).outcomes[STALE] += 1

    def outcome_unconfirmed(self, job: RunningJob) -> None:
        """Count it."""
        self._of(job).outcomes[UNCONFIRMED] += 1

    def lease_lost(self, job: RunningJob) -> None:
        """Count it."""
        self._leases_lost.inc()

    def _of(self, job: RunningJob) -> FunctionMetrics:
        return self._by_function[job.function.name if job.function else OTHER]

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"jobgate_worker_{name}", text, registry=self.registry)


def _is_in(wanted: State, liveness: Liveness) -> float:
    return float(liveness.state() is wanted)
