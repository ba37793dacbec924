"""The metrics for Prometheus. Counting must cost next to nothing.

The library's counters and histograms take a lock and walk their buckets for each event. Here an event is one
addition in memory that the processes of a gateway share, and the format that Prometheus wants is made at each
scrape.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import accumulate, islice

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from jobgate.broker import QueueDepth
from jobgate.gateway.counts import HostCounts
from jobgate.gateway.process_metrics import process_families

#: Upper bounds of the buckets for durations, in seconds; waits take up to 60 s.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: The label of functions that no live worker offers, so that callers cannot create series.
OTHER = "other"
#: Most queues whose gauges are shown because jobs were enqueued there, for the same reason.
_MOST_QUEUES = 100
#: Most queues whose gauges are shown, besides those that workers serve.
_MOST_SHOWN = 200
#: Most functions that are counted by name since the first start of the process: names are never forgotten.
_MOST_FUNCTIONS = 5000

# Names of counts.
_REQUESTS = "requests"
_DURATIONS = "durations"
_ENQUEUED = "enqueued"
_MALFORMED = "malformed"
_QUEUE = "queue"


class Meter:
    """The counts of one gateway process, which `/metrics` shows with those of all processes that share them.

    Args:
        counts: Where they are kept.
    """

    def __init__(self, counts: HostCounts | None = None) -> None:
        self._counts = counts or HostCounts()
        self._table = self._counts.lasting
        self._cells = self._table.values
        #: The first cell of what was counted before: by route and status, by route, by function.
        self._answers: dict[tuple[str, int], int] = {}
        self._durations: dict[str, int] = {}
        self._functions = {label: self._table.place((_ENQUEUED, label)) for label in self._known(_ENQUEUED)}
        #: Queues whose gauges are shown because of this process.
        self._shown = set(self._known(_QUEUE))
        self._malformed = self._table.place((_MALFORMED,))
        #: Queues that jobs were enqueued into, as keys; at most 100.
        self.queues: dict[str, None] = {}

    def _known(self, kind: str) -> list[str]:
        """Return what a predecessor of this process has named."""
        return [name[1] for name, _ in self._table.items() if name[0] == kind]

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was handled."""
        cells = self._cells
        answers = self._answers.get((route, status))
        if answers is None:
            answers = self._answers[route, status] = self._table.place((_REQUESTS, route, str(status)))
        cells[answers] += 1
        durations = self._durations.get(route)
        if durations is None:
            durations = self._durations[route] = self._table.place((_DURATIONS, route), len(BUCKETS) + 2)
        cells[durations + bisect_left(BUCKETS, seconds)] += 1
        cells[durations + len(BUCKETS) + 1] += seconds

    def malformed(self) -> None:
        """Count a request that was not valid HTTP."""
        self._cells[self._malformed] += 1

    def enqueued(self, function: str, offered: Set[str], queue: str) -> None:
        """Count an enqueued job.

        Functions that are not among those `offered`, or beyond the first 5,000, count as `other`.
        """
        label = function if function in offered else OTHER
        place = self._functions.get(label)
        if place is None:
            place = self._place_of(label)
        self._cells[place] += 1
        if queue not in self.queues and len(self.queues) < _MOST_QUEUES:
            self.queues[queue] = None
            self.show_queue(queue)

    def _place_of(self, label: str) -> int:
        """Return the cell of a function that this process counts for the first time."""
        if len(self._functions) >= _MOST_FUNCTIONS:
            label = OTHER
        place = self._functions[label] = self._table.place((_ENQUEUED, label))
        return place

    def show_queue(self, queue: str) -> None:
        """Have `/metrics` show the gauges of a queue, whichever process it asks; beyond 200, do nothing."""
        if queue not in self._shown and len(self._shown) < _MOST_SHOWN:
            self._shown.add(queue)
            self._table.place((_QUEUE, queue))

    def shown_queues(self, served: Iterable[str] = ()) -> list[str]:
        """Return the queues whose gauges are shown.

        Args:
            served: Those that workers serve. They are never left out, however many names callers make up; the
                others are the same ones in each process.
        """
        names = (name for name in self._counts.totals() if name[0] == _QUEUE)
        return [*dict.fromkeys((*served, *(queue for _, queue in islice(names, _MOST_SHOWN))))]

    def exposition(self, depths: Sequence[QueueDepth] | None, *, waits: int, streams: int) -> bytes:
        """Return the text for Prometheus; `depths` None = Redis could not be read."""
        registry = CollectorRegistry()
        waiting = GaugeMetricFamily(
            "jobgate_gateway_waits_in_flight", "Requests that are waiting for a job.", value=waits
        )
        streaming = GaugeMetricFamily(
            "jobgate_gateway_event_streams", "Event streams that are open.", value=streams
        )
        families = [*_counted(self._counts.totals()), waiting, streaming, *_queues(depths)]
        registry.register(_Snapshot([*process_families(self._counts), *families]))
        return generate_latest(registry)


def _counted(totals: Mapping[tuple[str, ...], Sequence[float]]) -> Iterable[Metric]:
    requests = CounterMetricFamily(
        "jobgate_gateway_requests", "Requests answered, by route and status.", labels=["route", "status"]
    )
    durations = HistogramMetricFamily(
        "jobgate_gateway_request_duration_seconds",
        "Time from a request's headers to its answer, waits included.",
        labels=["route"],
    )
    enqueued = CounterMetricFamily(
        "jobgate_gateway_enqueued", "Jobs enqueued, by function.", labels=["function"]
    )
    malformed = CounterMetricFamily(
        "jobgate_gateway_malformed_requests", "Requests that were not valid HTTP."
    )
    counters = {_REQUESTS: requests, _ENQUEUED: enqueued, _MALFORMED: malformed}
    bounds = [*map(str, BUCKETS), "+Inf"]
    for (kind, *labels), values in totals.items():
        if kind in counters:
            counters[kind].add_metric(labels, values[0])
        elif kind == _DURATIONS:
            *counts, seconds = values
            # As Prometheus wants them: each bucket includes those below it.
            durations.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), seconds)
    return requests, durations, enqueued, malformed


class _Snapshot:
    """Families that are ready, for a registry that is used once."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The families."""
        return self._families


def _queues(depths: Sequence[QueueDepth] | None) -> Iterable[Metric]:
    yield GaugeMetricFamily(
        "jobgate_gateway_redis_up", "1 when Redis answered this scrape.", value=int(depths is not None)
    )
    depth = GaugeMetricFamily(
        "jobgate_gateway_queue_depth", "Jobs in a queue, by state.", labels=["queue", "state"]
    )
    oldest = GaugeMetricFamily(
        "jobgate_gateway_oldest_due_age_seconds",
        "Time since the oldest waiting job became due.",
        labels=["queue"],
    )
    workers = GaugeMetricFamily(
        "jobgate_gateway_live_workers",
        "Live workers of jobgate; stock arq workers are not counted.",
        labels=["queue"],
    )
    health = GaugeMetricFamily(
        "jobgate_gateway_health_line",
        "1 if a worker, of stock arq too, has written the health line that `arq --check` reads.",
        labels=["queue"],
    )
    paused = GaugeMetricFamily(
        "jobgate_gateway_queue_paused",
        "1 while jobgate's workers claim nothing from a queue.",
        labels=["queue"],
    )
    for queue in depths or ():
        paused.add_metric([queue.queue], int(queue.is_paused))
        for state in ("queued", "deferred", "in_progress"):
            depth.add_metric([queue.queue, state], getattr(queue, state))
        oldest.add_metric([queue.queue], queue.oldest_due_age)
        workers.add_metric([queue.queue], queue.workers)
        health.add_metric([queue.queue], int(queue.has_health_line))
    yield from (depth, oldest, workers, health, paused)
