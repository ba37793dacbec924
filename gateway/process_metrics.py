"""Memory, processor time and open files of the gateway's processes, for Prometheus."""

import os
from collections.abc import Iterable

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from jobgate.gateway.counts import HostCounts


def process_families(counts: HostCounts) -> Iterable[Metric]:
    """Yield what is known of this process; of each process, by its number, where there are several."""
    yield from PlatformCollector(registry=None).collect()
    if not counts.is_shared:
        yield from ProcessCollector(registry=None).collect()
        return
    pids = counts.pids
    yield GaugeMetricFamily("jobgate_gateway_processes", "Processes that serve requests.", value=len(pids))
    starts = CounterMetricFamily(
        "jobgate_gateway_process_starts",
        "Starts of each process; after the first, restarts.",
        labels=["process"],
    )
    for number, count in counts.starts.items():
        starts.add_metric([str(number)], count)
    yield starts
    yield from _by_process({**{str(number): pid for number, pid in pids.items()}, "supervisor": os.getppid()})


def _by_process(pids: dict[str, int]) -> Iterable[Metric]:
    """Return the families of several processes, told apart by the label `process`."""
    families: dict[str, Metric] = {}
    for name, pid in pids.items():
        for family in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
            known = families.setdefault(family.name, family)
            samples = [sample._replace(labels={"process": name}) for sample in family.samples]
            known.samples = samples if known is family else [*known.samples, *samples]
    return families.values()
