"""The whole system as real processes: embedded server, two workers with the examples, a gateway."""

import contextlib
import os
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from harness.processes.commands import Processes
from harness.processes.family import descendants, tethers
from harness.systems.ledger import Figures, Ledger
from harness.tools import valkey_binary
from harness.waiting import NotInTime, eventually
from jobgate.broker.embedded import EmbeddedServer

SETTINGS = "examples.settings.WorkerSettings"
#: Keys that live workers keep.
OF_WORKERS = (
    "arq:queue:workers", "arq:queue:worker:", "arq:queue:vitals:", "arq:queue:claim:",
    "arq:queue:health-check",
)  # fmt: skip
#: Outcome of jobs whose function was never called.
NEVER_RAN = "invalid-arguments"
#: The name of the data set, the one key that stays for ever.
EPOCH = "arq:queue:epoch"
#: What may be there for some seconds after a job: for callers that wait, and to know repeated calls again.
BRIEF = ("arq:queue:wanted:", "arq:queue:outcome:", "arq:queue:ended:")
#: What may be there when nothing runs any more.
LASTING = (
    "arq:result:", "arq:queue:idempotency:", "arq:queue:wake", "arq:queue:catalogue:", "arq:queue:queues",
    "arq:queue:index:", "arq:queue:job-activity:", "arq:queue:kept-request:", "arq:queue:failure-note:",
    "arq:queue:earlier-tries:", "arq:queue:function-times:", "arq:queue:job-poller",
    EPOCH, *BRIEF,
)  # fmt: skip


class System:
    """The running processes, and what a test has done with them.

    Args:
        processes: starts and, in the worst case, kills them.
        server: the embedded server, running.
    """

    def __init__(self, processes: Processes, server: EmbeddedServer) -> None:
        self.redis_url = server.url
        self.workers = [processes.worker(SETTINGS, server.url) for _ in range(2)]
        # A gateway counts a job of a function that no live worker offers as `other`.
        eventually(lambda: self._announced() == len(self.workers), what="the announcement of the workers")
        self.gateway = processes.gateway(server.url, "--drain", "0")
        self._logged: Counter[str] = Counter()
        self.begin()

    @property
    def url(self) -> str:
        """Base URL of the gateway."""
        return self.gateway.url

    def begin(self) -> None:
        """Forget what was done before; from here on the test is to note everything that it does."""
        #: What was done since then.
        self.done = Ledger()
        self._before = self._measured()
        self.done.answered("metrics", 200)  # this very look

    def check_metrics(self) -> None:
        """Assert that the metrics of gateway and workers tell what was done since `begin`, and no more."""
        with contextlib.suppress(NotInTime):  # the comparison below says more
            # A worker counts a job after its result was stored: the caller may be ahead.
            eventually(lambda: self._tries() - self._before.tries == self.done.tries)
        measured = self._measured() - self._before
        assert measured == self.done, f"measured: {measured}, done: {self.done}"
        self._check_gateway(self._figures(self.url))
        eventually(self._workers_are_idle, what="workers that run nothing, by their metrics")
        self._check_workers([self._figures(worker.url) for worker in self.workers])
        for (_, outcome), count in self.done.tries.items():
            self._logged[outcome] += count

    def check_keys(self, allowed: tuple[str, ...]) -> None:
        """Assert that nothing but the `allowed` keys is in Redis, and that none of them stays for ever."""
        with redis.Redis.from_url(self.redis_url) as client:
            times = {key.decode(): client.ttl(key) for key in client.scan_iter(count=1000)}
        left = [key for key in times if not key.startswith(allowed)]
        assert not left, f"keys that are left: {left}"
        lasting = [key for key, ttl in times.items() if ttl == -1]
        assert lasting == [EPOCH], f"keys that would stay for ever: {lasting}"

    def stop(self) -> None:
        """End workers and gateway with SIGTERM; whatever they leave in Redis is looked at in between."""
        self.check_keys((*LASTING, *OF_WORKERS))
        for worker in self.workers:
            assert worker.terminate() == 0, worker.log
        self.check_keys(LASTING)
        assert self.gateway.terminate() == 0, self.gateway.log
        self._check_logs()
        for process in (self.gateway, *self.workers):
            _assert_no_group(process.pid)

    def _announced(self) -> int:
        with redis.Redis.from_url(self.redis_url) as client:
            return sum(1 for _ in client.scan_iter("arq:queue:worker:*", count=1000))

    def _measured(self) -> Ledger:
        figures = self._figures(self.url)
        enqueued = figures.counts("jobgate_gateway_enqueued_total", "function")
        return Ledger(
            Counter(_pairs(figures.counts("jobgate_gateway_requests_total", "route", "status"))),
            Counter({function: count for (function,), count in enqueued.items()}),
            self._tries(),
            int(figures.value("jobgate_gateway_malformed_requests_total")),
        )

    def _tries(self) -> Counter[tuple[str, str]]:
        tries: Counter[tuple[str, str]] = Counter()
        for worker in self.workers:
            counts = self._figures(worker.url).counts("jobgate_worker_jobs_total", "function", "outcome")
            tries.update(_pairs(counts))
        return tries

    def _check_gateway(self, figures: Figures) -> None:
        answers = figures.counts("jobgate_gateway_requests_total", "route")
        assert figures.counts("jobgate_gateway_request_duration_seconds_count", "route") == answers
        assert figures.counts("jobgate_gateway_queue_depth", "queue", "state") == Counter()
        assert figures.counts("jobgate_gateway_live_workers", "queue") == {("arq:queue",): 2}
        assert figures.value("jobgate_gateway_oldest_due_age_seconds") == 0
        assert figures.value("jobgate_gateway_waits_in_flight") == 0
        assert figures.value("jobgate_gateway_redis_up") == 1

    def _workers_are_idle(self) -> bool:
        figures = [self._figures(worker.url) for worker in self.workers]
        return sum(figure.value("jobgate_worker_in_progress") for figure in figures) == 0

    def _check_workers(self, scrapes: list[Figures]) -> None:
        ended: Counter[tuple[str, ...]] = Counter()
        timed: Counter[tuple[str, ...]] = Counter()
        for figures in scrapes:
            for trouble in ("leases_lost", "stale_finishes", "claim_failures"):
                assert figures.value(f"jobgate_worker_{trouble}_total") == 0
            ended += figures.counts("jobgate_worker_jobs_total", "function", without=NEVER_RAN)
            timed += figures.counts("jobgate_worker_run_seconds_count", "function")
        assert timed == ended, f"timed: {timed}, ended: {ended}"

    def _check_logs(self) -> None:
        """The fate of each job is one line of a worker's log, and nothing else is wrong."""
        assert not re.search("ERROR|Traceback", self.gateway.log), self.gateway.log
        log = "".join(worker.log for worker in self.workers)
        shown = {sign: len(re.findall(rf"\ds {sign} ", log)) for sign in "←↻⊘!"}
        ends = self._logged
        good = {"←": ends["success"], "↻": ends["retried"], "⊘": ends["aborted"]}
        assert shown == good | {"!": ends.total() - sum(good.values())}, f"{shown}, {ends}: {log}"
        assert log.count("Traceback") == ends["error"] + ends["timeout"], log

    def _figures(self, url: str) -> Figures:
        with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
            return Figures(answer.read().decode())


@contextmanager
def whole_system(processes: Processes, folder: Path) -> Iterator[System]:
    """Run the system on data in `folder`; at the end nothing of it is left but those data."""
    valkey_binary()
    family, tied = {pid for pid, _ in descendants(os.getpid())}, tethers()
    with EmbeddedServer(folder) as server:
        system = System(processes, server)
        yield system
        system.stop()
    left = [one for one in descendants(os.getpid()) if one[0] not in family]
    assert not left, "processes that outlive the system"
    eventually(lambda: tethers() <= tied, what="the end of all watchers")


def _pairs(counts: Counter[tuple[str, ...]]) -> dict[tuple[str, str], int]:
    return {(first, second): count for (first, second), count in counts.items()}


def _assert_no_group(group: int) -> None:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return
    raise AssertionError(f"process group {group} has outlived its leader")
