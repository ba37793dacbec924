"""The metrics for Prometheus. Counting must cost next to nothing, so counts are plain dictionaries.

The library's counters and histograms take a lock and walk their buckets for each event. Here an event is one
addition, and the format that Prometheus wants is made at each scrape.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from jobgate.broker import QueueDepth

#: Upper bounds of the buckets for durations, in seconds; waits take up to 60 s.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: The label of functions that no live worker offers, so that callers cannot create series.
OTHER = "other"
#: Most queues whose gauges are shown because jobs were enqueued there, for the same reason.
_MOST_QUEUES = 100


class _Durations:
    """How long the requests of one route took."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def cumulative(self) -> list[tuple[str, float]]:
        """Return the buckets as Prometheus wants them: each includes those below it."""
        bounds = [*map(str, BUCKETS), "+Inf"]
        counts = [sum(self.counts[: place + 1]) for place in range(len(bounds))]
        return list(zip(bounds, counts, strict=True))


class Meter:
    """The counts of one gateway process."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._durations: defaultdict[str, _Durations] = defaultdict(_Durations)
        self._enqueued: Counter[str] = Counter()
        #: Queues that jobs were enqueued into, as keys; at most 100.
        self.queues: dict[str, None] = {}
        #: Requests that were not valid HTTP.
        self.malformed = 0
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was handled."""
        self._requests[route, status] += 1
        durations = self._durations[route]
        durations.counts[bisect_left(BUCKETS, seconds)] += 1
        durations.total += seconds

    def enqueued(self, function: str, offered: Set[str], queue: str) -> None:
        """Count an enqueued job; a function that is not among those `offered` counts as `other`."""
        self._enqueued[function if function in offered else OTHER] += 1
        if queue not in self.queues and len(self.queues) < _MOST_QUEUES:
            self.queues[queue] = None

    def exposition(self, depths: Sequence[QueueDepth] | None, *, waits: int, streams: int) -> bytes:
        """Return the text for Prometheus; `depths` None = Redis could not be read."""
        registry = CollectorRegistry()
        waiting = GaugeMetricFamily(
            "jobgate_gateway_waits_in_flight", "Requests that are waiting for a job.", value=waits
        )
        streaming = GaugeMetricFamily(
            "jobgate_gateway_event_streams", "Event streams that are open.", value=streams
        )
        registry.register(_Snapshot([*self._families(), waiting, streaming, *_queues(depths)]))
        return generate_latest(self._process) + generate_latest(registry)

    def _families(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "jobgate_gateway_requests", "Requests answered, by route and status.", labels=["route", "status"]
        )
        for (route, status), count in self._requests.items():
            requests.add_metric([route, str(status)], count)
        durations = HistogramMetricFamily(
            "jobgate_gateway_request_duration_seconds",
            "Time from a request's headers to its answer, waits included.",
            labels=["route"],
        )
        for route, taken in self._durations.items():
            durations.add_metric([route], taken.cumulative(), taken.total)
        enqueued = CounterMetricFamily(
            "jobgate_gateway_enqueued", "Jobs enqueued, by function.", labels=["function"]
        )
        for function, count in self._enqueued.items():
            enqueued.add_metric([function], count)
        malformed = CounterMetricFamily(
            "jobgate_gateway_malformed_requests", "Requests that were not valid HTTP."
        )
        malformed.add_metric([], self.malformed)
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
