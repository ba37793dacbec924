"""The contract of background roles, held over all of them; see `jobgate.worker.roles`."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from harness.systems.runs import noop, shared_of
from jobgate.broker import Broker
from jobgate.worker import cron
from jobgate.worker.claiming import Claimer
from jobgate.worker.cron_jobs.scheduler import Scheduler
from jobgate.worker.history import TimesWriter
from jobgate.worker.invocation import ProgressWriter
from jobgate.worker.jobs import JobRunner, Persistence, Shared
from jobgate.worker.roles import Role
from jobgate.worker.vitals import (
    AbortListener,
    Announcer,
    Counts,
    LeaseKeeper,
    Liveness,
    LoopWatch,
    Pulse,
    StatusServer,
    WorkerMetrics,
)

QUEUE = "arq:queue"


def liveness() -> Liveness:
    made = Liveness(Pulse())
    made.started()
    return made


def claimer(shared: Shared) -> Role:
    persistence = Persistence(shared)
    runner = JobRunner(shared, persistence, ProgressWriter(shared.broker))
    return Claimer(shared, runner, persistence, liveness())


def keeper(shared: Shared) -> LeaseKeeper:
    signs = liveness()
    watch = LoopWatch(signs.pulse, shared.jobs)
    return LeaseKeeper(
        shared, liveness=signs, watch=watch, on_stop=lambda job, reason: None, on_wedged=lambda job: None
    )


def scheduler(shared: Shared) -> Role:
    jobs = [cron(noop, run_at_startup=True)]
    return Scheduler(
        shared.broker, jobs, queue=QUEUE, timezone=None, clock=shared.clock, stopped=lambda: False
    )


def status_server(shared: Shared) -> Role:
    metrics = WorkerMetrics(["noop"], max_jobs=1)
    return StatusServer("127.0.0.1", 0, metrics=metrics, liveness=liveness())


ROLES: dict[str, Callable[[Shared], Role]] = {
    "abort listener": lambda shared: AbortListener(shared, QUEUE, keeper(shared)),
    "announcer": lambda shared: Announcer(shared, Counts(), liveness()),
    "claimer": claimer,
    "lease keeper": keeper,
    "loop watch": lambda shared: LoopWatch(Pulse(), shared.jobs),
    "progress writer": lambda shared: ProgressWriter(shared.broker),
    "scheduler": scheduler,
    "status server": status_server,
    "times writer": lambda shared: TimesWriter(shared.broker, dict),
}


@pytest.fixture
async def shared(redis_url: str) -> AsyncIterator[Shared]:
    async with Broker(redis_url) as broker:
        yield shared_of(broker)


def subclasses(of: type[Any]) -> set[type[Any]]:
    return {each for one in of.__subclasses__() for each in {one, *subclasses(one)}}


async def test_no_role_is_missing_here(shared: Shared) -> None:
    made = {type(make(shared)).__name__ for make in ROLES.values()}
    assert made == {each.__name__ for each in subclasses(Role)} - {"TaskRole"}


@pytest.mark.parametrize("name", ROLES)
async def test_stop_is_safe_before_start(shared: Shared, name: str) -> None:
    role = ROLES[name](shared)
    async with asyncio.timeout(20):
        await role.stop()
        await role.stop()


@pytest.mark.parametrize("name", ROLES)
async def test_start_returns_and_stop_waits_for_the_end_and_may_be_repeated(
    shared: Shared, name: str
) -> None:
    """Nothing that a role began is left: no thread and no task. A thread that serves one request may be."""
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    role = ROLES[name](shared)
    async with asyncio.timeout(20):
        await role.start()
        await role.stop()
        left = [repr(task) for task in asyncio.all_tasks() - tasks]
        assert not [task for task in left if "/worker/" in task], "the broker's own tasks may stay"
        assert not {each for each in threading.enumerate() if each.name.startswith("jobgate-")} - threads
        await role.stop()
