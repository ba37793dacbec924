"""Tables of transitions: all of Redis before, one call, all of Redis after; then the call is repeated.

All is about job `a` of the default queue, which the worker `w` has claimed with the token `w:1`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

import pytest

from harness.jobs.database import Content, Expiring, Marked, about, content, seed
from harness.jobs.leases import mark_of
from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from jobgate.broker import (
    Broker,
    Claim,
    ClaimedJob,
    IdempotencyConflict,
    IdempotencyKey,
    JobResult,
    Lease,
    WorkerRecord,
)
from jobgate.broker.link.link import Link

DAY = 86_400
QUEUE = "arq:queue"
JOB, RESULT, LEASE, TRIES = "arq:job:a", "arq:result:a", "arq:in-progress:a", "arq:retry:a"
PROGRESS, SUSPECT = "arq:queue:progress:a", "arq:queue:suspect:a"
WAKE, ABORT, CLAIM = "arq:queue:wake", "arq:abort", "arq:queue:claim:w"
CATALOGUE = f"arq:queue:catalogue:{'d' * 64}"
PAUSED, HEALTH = "arq:queue:paused", "arq:queue:health-check"
QUEUES, VITALS = "arq:queue:queues", "arq:queue:vitals:w"

BODY = '{"t":null,"f":"add","a":[1],"k":{},"et":1000,"jobgate":{"q":"arq:queue","rt":"r1"}}'
OURS = Lease(job_id="a", queue=QUEUE, token="w:1", tries=1)
RUNNING: Content = {
    QUEUE: {"a": 10},
    JOB: Expiring(BODY, DAY),
    LEASE: Expiring("w:1", 10),
    TRIES: Expiring(1, DAY),
}
#: What tells the call that ended a job without a result.
ENDED, BODY_SHA = "arq:queue:ended:a", sha1(BODY.encode()).hexdigest()
#: The indexes of ended jobs, and the request of a failed one.
FINISHED, FAILED, REQUEST = "arq:queue:index:finished", "arq:queue:index:failed", "arq:queue:kept-request:a"
NOTE = "arq:queue:failure-note:a"
#: What is known of a try whose worker died.
LOST: Content = {"arq:queue:earlier-tries:a": ['… {"n":1,"lost":true}']}
WANTED, OUTCOME = "arq:queue:wanted:a", "arq:queue:outcome:a"
#: Just claimed: the body lives as long as it did before.
CLAIMED: Content = {**RUNNING, JOB: Expiring(BODY, 50)}
#: The lease has run out, nobody has taken the job since.
LAPSED: Content = {
    QUEUE: {"a": Marked(-1, mark_of("w:1"))},
    JOB: Expiring(BODY, DAY),
    TRIES: Expiring(1, DAY),
}
#: The lease has run out, another worker runs the job.
TAKEN_OVER: Content = {
    QUEUE: {"a": 10},
    JOB: Expiring(BODY, DAY),
    LEASE: Expiring("x:7", 10),
    TRIES: Expiring(2, DAY),
}
#: The lease has run out; a stock arq worker, which leaves scores alone, has begun a try since and died.
TRIED_BY_ARQ: Content = {**LAPSED, TRIES: Expiring(2, DAY)}
#: The first try has been retried: the half millisecond says so.
RETRIED: Content = {
    QUEUE: {"a": Marked(100, 0.5)},
    JOB: Expiring(BODY, DAY + 100),
    TRIES: Expiring(1, DAY + 100),
}
TOKEN: Content = {WAKE: Expiring("…", 60)}
#: The token holds a time.
WOKEN = ["…"]


def result(**fields: Any) -> JobResult:
    return JobResult(
        job_id="a",
        function="add",
        args=[1],
        kwargs={},
        tries=1,
        success=True,
        result=2,
        enqueue_time_ms=1000,
        start_time_ms=2000,
        finish_time_ms=3000,
        queue=QUEUE,
        **fields,
    )


STORED = (
    '{"t":1,"f":"add","a":[1],"k":{},"et":1000,"s":true,"st":2000,"ft":3000,"q":"arq:queue","id":"a","r":2}'
)


@dataclass(frozen=True)
class Case:
    """One transition from one content of Redis."""

    before: Content
    call: Callable[[Broker], Awaitable[Any]]
    after: Content
    answer: Callable[[Any], bool]
    #: Names of keys whose value is not compared.
    anything: tuple[str, ...] = field(default=())


def enqueue(**fields: Any) -> Callable[[Broker], Awaitable[Any]]:
    request = request_of("add", args=[1], **{"job_id": "a", **fields})
    return lambda broker: broker.enqueue(request)


def claim(limit: int = 5, token: str = "w:1", **options: Any) -> Callable[[Broker], Awaitable[Any]]:
    return lambda broker: broker.claim(QUEUE, limit, worker_id="w", token=token, lease=10, **options)


def seen(answer: Claim) -> tuple[int, int, int]:
    """Return of the first job its try, its crashes and its tries that do not count."""
    job = answer.jobs[0]
    return job.lease.tries, job.crashes, job.uncounted_tries


def finish(
    keep: float | None = 60, lease: Lease = OURS, *, is_wanted: bool = False
) -> Callable[[Broker], Awaitable[Any]]:
    return lambda broker: broker.finish(lease, result(), keep=keep, is_wanted=is_wanted)


def retry(
    defer: float | None, score: int = 5000, tries: int | None = None
) -> Callable[[Broker], Awaitable[Any]]:
    return lambda broker: broker.retry(OURS, defer=defer, score_ms=score, tries=tries)


def report(broker: Broker) -> Awaitable[Any]:
    return broker.report_progress(OURS, 0.4, "half")


def release(tries: int = 1, **fields: Any) -> Callable[[Broker], Awaitable[Any]]:
    lease = Lease(job_id="a", queue=QUEUE, token="w:1", tries=tries)
    return lambda broker: broker.release([ClaimedJob(lease=lease, score_ms=5000, body=None, **fields)])


def abort(broker: Broker) -> Awaitable[Any]:
    return broker.abort("a", keep=60)


RECORD = WorkerRecord(
    worker_id="w",
    host="h",
    pid=1,
    queues=[QUEUE],
    max_jobs=10,
    in_progress=0,
    complete=0,
    failed=0,
    retried=0,
    start_time_ms=0,
    catalogue="d" * 64,
)
KEY = IdempotencyKey(digest="k", request_digest="d")
REMEMBERED = "arq:queue:idempotency:k"


def one(answer: Any) -> bool:
    (job,) = answer.jobs
    return bool(job.lease == OURS and job.body == BODY.encode())


async def check(case: Case, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assert that a transition does what its case says, and that repeating its calls changes nothing."""
    calls: list[tuple[Any, ...]] = []
    run = Link.run

    async def recorded(link: Link, *args: Any, **options: Any) -> Any:
        calls.append(args)
        return await run(link, *args, **options)

    monkeypatch.setattr(Link, "run", recorded)
    with server.client() as client:
        base = seed(client, case.before)
        async with Broker(server.url) as broker:
            try:
                answer = await case.call(broker)
            except IdempotencyConflict as error:
                answer = error
            assert case.answer(answer), answer
            first = content(client, base)
            assert _known(first, case) == about(_known(case.after, case))

            for args in calls:
                await run(broker._core.link, *args)
            assert _known(content(client, base), case) == about(_known(first, case))


def _known(found: Content, case: Case) -> dict[str, Any]:
    return {key: "…" if key in case.anything else value for key, value in found.items()}
