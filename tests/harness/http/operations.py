"""Many jobs that fail, and operations on them, over HTTP."""

import asyncio
import itertools
from collections.abc import Iterable
from typing import Any

from harness.forms import LONG
from harness.jobs.records import request_of
from harness.systems.gateways import PlayedWorker, RunningGateway
from harness.waiting import PATIENCE, eventually_async
from jobgate.broker import Broker, ClaimedJob, Failure

FAILURE = Failure(type="ValueError", message="no such customer")
_NUMBERS = itertools.count()


async def enqueue_many(
    broker: Broker, ids: Iterable[str], function: str = "add", **options: Any
) -> list[str]:
    """Enqueue jobs, each with its number as argument; return their ids."""
    listed = list(ids)
    requests = [
        request_of(function, args=[number], job_id=job_id, **options) for number, job_id in enumerate(listed)
    ]
    for answer in await broker.enqueue_many(requests):
        if isinstance(answer, Exception):
            raise answer
    return listed


async def end_due(worker: PlayedWorker, *, failure: Failure | None = FAILURE) -> list[ClaimedJob]:
    """End all jobs that are due, by default as failed."""
    ended: list[ClaimedJob] = []
    while True:
        claim = await worker.broker.claim(
            worker.queue, 100, worker_id=worker.name, token=f"{worker.name}:due{next(_NUMBERS)}"
        )
        if not claim.jobs:
            return ended
        await asyncio.gather(*(worker.finish(job, failure=failure, keep=600) for job in claim.jobs))
        ended += claim.jobs


async def outcome_of(gateway: RunningGateway, answer: tuple[int, Any, Any], **options: Any) -> dict[str, Any]:
    """Return the outcome of an operation that was answered with 202."""
    status, job, _ = answer
    assert status == 202, job

    async def ended() -> dict[str, Any] | None:
        status, outcome, _ = await gateway.get(f"/jobs/{job['job_id']}/result?wait=30", **options)
        assert status in (200, 202), outcome
        return outcome if status == 200 else None

    outcome = await eventually_async(
        ended, timeout=300 if LONG else PATIENCE, what="the end of the operation"
    )
    assert outcome is not None
    return outcome


async def result_of(gateway: RunningGateway, answer: tuple[int, Any, Any], **options: Any) -> Any:
    """Return the result of an operation that succeeded."""
    outcome = await outcome_of(gateway, answer, **options)
    assert outcome["success"], outcome
    return outcome["result"]
