"""Each transition: all of Redis before, one call, all of Redis after; then the call is repeated."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

import pytest

from harness.leases import mark_of
from harness.records import request_of
from harness.servers import RedisServer
from harness.state import Content, Expiring, Marked, about, content, seed
from jobgate.broker import (
    AbortAnswer,
    Broker,
    Claim,
    ClaimedJob,
    IdempotencyConflict,
    IdempotencyKey,
    JobResult,
    Lease,
    Transition,
    WorkerRecord,
)
from jobgate.broker.link.link import Link

DAY = 86_400
QUEUE = "arq:queue"
JOB, RESULT, LEASE, TRIES = "arq:job:a", "arq:result:a", "arq:in-progress:a", "arq:retry:a"
PROGRESS, SUSPECT = "arq:queue:progress:a", "arq:queue:suspect:a"
WAKE, ABORT, CLAIM = "arq:queue:wake", "arq:abort", "arq:queue:claim:w"
PAUSED, HEALTH = "arq:queue:paused", "arq:queue:health-check"

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
WOKEN = ["1"]


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


def claim(limit: int = 5, token: str = "w:1") -> Callable[[Broker], Awaitable[Any]]:
    return lambda broker: broker.claim(QUEUE, limit, worker_id="w", token=token, lease=10)


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
    functions=["add"],
    max_jobs=10,
    in_progress=0,
    complete=0,
    failed=0,
    retried=0,
    start_time_ms=0,
)
KEY = IdempotencyKey(digest="k", request_digest="d")
REMEMBERED = "arq:queue:idempotency:k"


def one(answer: Any) -> bool:
    (job,) = answer.jobs
    return bool(job.lease == OURS and job.body == BODY.encode())


CASES = {
    "enqueue: due now": Case(
        before={},
        call=enqueue(),
        after={QUEUE: {"a": 0}, JOB: Expiring("…", DAY), WAKE: WOKEN},
        answer=lambda answer: answer.created,
    ),
    "enqueue: deferred, expiry counts from the due time": Case(
        before={},
        call=enqueue(defer_by=100, expires=10),
        after={QUEUE: {"a": 100}, JOB: Expiring("…", 110), WAKE: WOKEN},
        answer=lambda answer: answer.created,
    ),
    "enqueue: due in the past (arq #447)": Case(
        before={},
        call=enqueue(defer_until_ms=1000),
        after={QUEUE: {"a": "*"}, JOB: Expiring("…", DAY), WAKE: WOKEN},
        answer=lambda answer: answer.created and answer.due_time_ms == 1000,
        anything=(QUEUE,),
    ),
    "enqueue: first try is not the first": Case(
        before={},
        call=enqueue(first_try=3),
        after={QUEUE: {"a": 0}, JOB: Expiring("…", DAY), TRIES: Expiring(2, DAY), WAKE: WOKEN},
        answer=lambda answer: answer.created,
    ),
    "enqueue: the id is queued": Case(
        before={QUEUE: {"a": 5}, JOB: Expiring(BODY, 50)},
        call=enqueue(),
        after={QUEUE: {"a": 5}, JOB: Expiring(BODY, 50)},
        answer=lambda answer: not answer.created and not answer.replayed,
    ),
    "enqueue: the id has a result": Case(
        before={RESULT: Expiring(STORED, 50)},
        call=enqueue(),
        after={RESULT: Expiring(STORED, 50)},
        answer=lambda answer: not answer.created,
    ),
    "enqueue: an old abort mark meant another job (arq #485)": Case(
        before={ABORT: {"a": -50, "b": -50}},
        call=enqueue(),
        after={QUEUE: {"a": 0}, JOB: Expiring("…", DAY), WAKE: WOKEN, ABORT: {"b": -50}},
        answer=lambda answer: answer.created,
    ),
    "enqueue: one wake token is enough": Case(
        before={WAKE: ["1"]},
        call=enqueue(),
        after={QUEUE: {"a": 0}, JOB: Expiring("…", DAY), WAKE: WOKEN},
        answer=lambda answer: answer.created,
    ),
    "enqueue: under an idempotency key": Case(
        before={},
        call=enqueue(idempotency=KEY),
        after={QUEUE: {"a": 0}, JOB: Expiring("…", DAY), WAKE: WOKEN, REMEMBERED: Expiring("d a", DAY)},
        answer=lambda answer: answer.created,
    ),
    "enqueue: the idempotency key made this request before": Case(
        before={REMEMBERED: Expiring("d b", 50)},
        call=enqueue(idempotency=KEY),
        after={REMEMBERED: Expiring("d b", 50)},
        answer=lambda answer: answer.replayed and answer.job_id == "b" and not answer.created,
    ),
    "enqueue: the idempotency key made another request before": Case(
        before={REMEMBERED: Expiring("e b", 50)},
        call=enqueue(idempotency=KEY),
        after={REMEMBERED: Expiring("e b", 50)},
        answer=lambda answer: isinstance(answer, IdempotencyConflict),
    ),
    "claim: nothing there": Case(
        before={},
        call=claim(),
        after={},
        answer=lambda answer: not answer.jobs and answer.next_due_in is None,
    ),
    "claim: one due": Case(
        before={QUEUE: {"a": -5}, JOB: Expiring(BODY, 50)},
        call=claim(),
        after={**CLAIMED, CLAIM: Expiring("…", DAY)},
        answer=one,
    ),
    "claim: due ones are left for the next worker": Case(
        before={QUEUE: {"a": -5, "b": -4}, JOB: Expiring(BODY, 50)},
        call=claim(limit=1),
        after={**CLAIMED, QUEUE: {"a": 10, "b": -4}, CLAIM: Expiring("…", DAY), WAKE: WOKEN},
        answer=lambda answer: one(answer) and answer.next_due_in == 0,
    ),
    "claim: deferred ones stay, their time is told": Case(
        before={QUEUE: {"a": 50}, JOB: Expiring(BODY, 50)},
        call=claim(),
        after={QUEUE: {"a": 50}, JOB: Expiring(BODY, 50)},
        answer=lambda answer: not answer.jobs and 40 < answer.next_due_in <= 50,
    ),
    "claim: stock arq runs the first": Case(
        before={
            QUEUE: {"z": -50, "a": -5},
            "arq:in-progress:z": Expiring("1", 310),
            JOB: Expiring(BODY, 50),
        },
        call=claim(),
        after={
            **CLAIMED,
            QUEUE: {"z": -50, "a": 10},
            "arq:in-progress:z": Expiring("1", 310),
            CLAIM: Expiring("…", DAY),
        },
        answer=one,
    ),
    "claim: a score of 0 means not queued": Case(
        before={QUEUE: {"a": "0"}},
        call=claim(),
        after={QUEUE: {"a": "*"}},
        answer=lambda answer: not answer.jobs,
        anything=(QUEUE,),
    ),
    "claim: the body has expired": Case(
        before={QUEUE: {"a": -5}},
        call=claim(),
        after={
            QUEUE: {"a": 10},
            LEASE: Expiring("w:1", 10),
            TRIES: Expiring(1, DAY),
            CLAIM: Expiring("…", DAY),
        },
        answer=lambda answer: answer.jobs[0].body is None,
    ),
    "claim: an abort mark is told and kept": Case(
        before={QUEUE: {"a": -5}, JOB: Expiring(BODY, 50), ABORT: {"a": -1}},
        call=claim(),
        after={**CLAIMED, ABORT: {"a": -1}, CLAIM: Expiring("…", DAY)},
        answer=lambda answer: answer.jobs[0].abort_mark_ms is not None,
    ),
    "claim: a paused queue gives none": Case(
        before={QUEUE: {"a": -5}, JOB: Expiring(BODY, 50), PAUSED: "1"},
        call=claim(),
        after={QUEUE: {"a": -5}, JOB: Expiring(BODY, 50), PAUSED: "1"},
        answer=lambda answer: not answer.jobs and answer.is_paused and answer.next_due_in is None,
    ),
    "claim: 300 ids that run elsewhere stand before the due one (arq #171)": Case(
        before={
            QUEUE: {**{f"z{n}": -50 for n in range(300)}, "a": -5},
            **{f"arq:in-progress:z{n}": Expiring("1", 310) for n in range(300)},
            JOB: Expiring(BODY, 50),
        },
        call=lambda broker: broker.claim(QUEUE, 1, worker_id="w", token="w:1", page=7),
        after={
            QUEUE: {**{f"z{n}": -50 for n in range(300)}, "a": 10},
            **{f"arq:in-progress:z{n}": Expiring("1", 310) for n in range(300)},
            **{key: value for key, value in CLAIMED.items() if key != QUEUE},
            CLAIM: Expiring("…", DAY),
        },
        answer=one,
    ),
    "claim: a job whose worker died counts one try more": Case(
        before=LAPSED,
        call=claim(token="v:1"),
        after={
            **RUNNING,
            LEASE: Expiring("v:1", 10),
            TRIES: Expiring(2, DAY),
            CLAIM: Expiring("…", DAY),
            SUSPECT: Expiring("1 1 0 0", DAY),
        },
        answer=lambda answer: seen(answer) == (2, 1, 1),
    ),
    "claim: a job that ran alone when its worker died pays for its crashes": Case(
        before={**LAPSED, SUSPECT: "1 1 0 2"},
        call=claim(token="v:1"),
        after={
            **RUNNING,
            LEASE: Expiring("v:1", 10),
            TRIES: Expiring(2, DAY),
            CLAIM: Expiring("…", DAY),
            SUSPECT: Expiring("2 0 0 0", DAY),
        },
        answer=lambda answer: seen(answer) == (2, 2, 0),
    ),
    "claim: a suspect that had not begun when its worker died keeps its try": Case(
        before={**LAPSED, TRIES: Expiring(2, DAY), SUSPECT: Expiring("1 1 4 0", 50)},
        call=claim(token="v:1"),
        after={
            **RUNNING,
            LEASE: Expiring("v:1", 10),
            TRIES: Expiring(2, DAY),
            CLAIM: Expiring("…", DAY),
            SUSPECT: Expiring("1 1 5 0", DAY),
        },
        answer=lambda answer: seen(answer) == (2, 1, 1),
    ),
    "claim: a suspect whose very claim ends its worker does not come back for ever": Case(
        before={**LAPSED, SUSPECT: Expiring("1 1 100 0", 50)},
        call=claim(token="v:1"),
        after={
            **RUNNING,
            LEASE: Expiring("v:1", 10),
            TRIES: Expiring(2, DAY),
            CLAIM: Expiring("…", DAY),
            SUSPECT: Expiring("2 2 100 0", DAY),
        },
        answer=lambda answer: seen(answer) == (2, 2, 2),
    ),
    "begin: a suspect begins alone": Case(
        before={**RUNNING, SUSPECT: Expiring("1 1 4 0", 50)},
        call=lambda broker: broker.note_begun(OURS, is_alone=True),
        after={**RUNNING, SUSPECT: Expiring("1 1 0 2", 50)},
        answer=lambda answer: answer is Transition.DONE,
    ),
    "begin: the lease of a suspect is another's": Case(
        before={**RUNNING, LEASE: Expiring("v:1", 10), SUSPECT: Expiring("1 1 4 0", 50)},
        call=lambda broker: broker.note_begun(OURS, is_alone=True),
        after={**RUNNING, LEASE: Expiring("v:1", 10), SUSPECT: Expiring("1 1 4 0", 50)},
        answer=lambda answer: answer is Transition.STALE,
    ),
    "claim: what is noted of a suspect is no such thing": Case(
        before={**LAPSED, SUSPECT: ["a list"]},
        call=claim(token="v:1"),
        after={
            **RUNNING,
            LEASE: Expiring("v:1", 10),
            TRIES: Expiring(2, DAY),
            CLAIM: Expiring("…", DAY),
            SUSPECT: Expiring("1 1 0 0", DAY),
        },
        answer=lambda answer: seen(answer) == (2, 1, 1),
    ),
    "finish: result in, all else out": Case(
        before={**RUNNING, ABORT: {"a": -1, "b": -1}, PROGRESS: "w:1 0 {}", SUSPECT: "1 1 0 0"},
        call=finish(),
        after={RESULT: Expiring(STORED, 60), ABORT: {"b": -1}},
        answer=lambda answer: answer is Transition.DONE,
    ),
    "finish: result kept for ever": Case(
        before=RUNNING,
        call=finish(keep=None),
        after={RESULT: STORED},
        answer=lambda answer: answer is Transition.DONE,
    ),
    "finish: no result kept, but for a moment the mark of the end": Case(
        before=RUNNING,
        call=finish(keep=0),
        after={ENDED: Expiring(f"w:1 {BODY_SHA}", 15)},
        answer=lambda answer: answer is Transition.DONE,
    ),
    "finish: no result kept, somebody waits: nothing is done yet": Case(
        before={**RUNNING, WANTED: Expiring("", 5)},
        call=finish(keep=0),
        after={**RUNNING, WANTED: Expiring("", 5)},
        answer=lambda answer: answer is Transition.WANTED,
    ),
    "finish: no result kept, but handed over": Case(
        before={**RUNNING, WANTED: Expiring("", 5)},
        call=finish(keep=0, is_wanted=True),
        after={ENDED: Expiring(f"w:1 {BODY_SHA}", 15), OUTCOME: Expiring(STORED, 10)},
        answer=lambda answer: answer is Transition.DONE,
    ),
    "finish: somebody else has ended it, and kept no result": Case(
        before={ENDED: Expiring(f"x:7 {BODY_SHA}", 15)},
        call=finish(keep=0),
        after={ENDED: Expiring(f"x:7 {BODY_SHA}", 15)},
        answer=lambda answer: answer is Transition.STALE,
    ),
    "finish: the lease ran out but nobody took the job": Case(
        before=LAPSED,
        call=finish(),
        after={RESULT: Expiring(STORED, 60)},
        answer=lambda answer: answer is Transition.DONE,
    ),
    "finish: somebody else runs it": Case(
        before=TAKEN_OVER, call=finish(), after=TAKEN_OVER, answer=lambda answer: answer is Transition.STALE
    ),
    "finish: the lease ran out and stock arq has begun a try since": Case(
        before=TRIED_BY_ARQ,
        call=finish(),
        after=TRIED_BY_ARQ,
        answer=lambda answer: answer is Transition.STALE,
    ),
    "finish: somebody else has ended it": Case(
        before={RESULT: Expiring("theirs", 60)},
        call=finish(),
        after={RESULT: Expiring("theirs", 60)},
        answer=lambda answer: answer is Transition.STALE,
    ),
    "retry: later": Case(
        before={**RUNNING, JOB: Expiring(BODY, 50), TRIES: Expiring(1, 50)},
        call=retry(defer=2 * DAY),
        after={
            QUEUE: {"a": 2 * DAY},
            JOB: Expiring(BODY, 3 * DAY),
            TRIES: Expiring(1, 3 * DAY),
            WAKE: WOKEN,
        },
        answer=lambda answer: answer is Transition.DONE,
    ),
    "retry: at its old place": Case(
        before=RUNNING,
        call=retry(defer=None),
        after={QUEUE: {"a": "*"}, JOB: Expiring(BODY, DAY), TRIES: Expiring(1, DAY), WAKE: WOKEN},
        answer=lambda answer: answer is Transition.DONE,
        anything=(QUEUE,),
    ),
    "retry: a stock arq producer began to count at 3": Case(
        before=RUNNING,
        call=retry(defer=100, tries=3),
        after={QUEUE: {"a": 100}, JOB: Expiring(BODY, DAY + 100), TRIES: Expiring(3, DAY + 100), WAKE: WOKEN},
        answer=lambda answer: answer is Transition.DONE,
    ),
    "retry: at its old place, with a count of its own": Case(
        before=RUNNING,
        call=retry(defer=None, tries=3),
        after={QUEUE: {"a": "*"}, JOB: Expiring(BODY, DAY), TRIES: Expiring(3, DAY), WAKE: WOKEN},
        answer=lambda answer: answer is Transition.DONE,
        anything=(QUEUE,),
    ),
    "retry: the lease ran out but nobody took the job": Case(
        before=LAPSED,
        call=retry(defer=100),
        after={QUEUE: {"a": 100}, JOB: Expiring(BODY, DAY + 100), TRIES: Expiring(1, DAY + 100), WAKE: WOKEN},
        answer=lambda answer: answer is Transition.DONE,
    ),
    "retry: somebody else runs it": Case(
        before=TAKEN_OVER,
        call=retry(defer=1),
        after=TAKEN_OVER,
        answer=lambda answer: answer is Transition.STALE,
    ),
    "retry: the lease ran out and stock arq has begun a try since": Case(
        before=TRIED_BY_ARQ,
        call=retry(defer=1),
        after=TRIED_BY_ARQ,
        answer=lambda answer: answer is Transition.STALE,
    ),
    "retry: a body that lives longer keeps its time": Case(
        before={**RUNNING, JOB: Expiring(BODY, 7 * DAY)},
        call=retry(defer=100),
        after={
            QUEUE: {"a": 100},
            JOB: Expiring(BODY, 7 * DAY),
            TRIES: Expiring(1, DAY + 100),
            WAKE: WOKEN,
        },
        answer=lambda answer: answer is Transition.DONE,
    ),
    "retry: this very call did it before": Case(
        before=RETRIED,
        call=retry(defer=100),
        after=RETRIED,
        answer=lambda answer: answer is Transition.DONE,
    ),
    "retry: another try was retried before": Case(
        before=RETRIED,
        call=retry(defer=100, tries=2),
        after=RETRIED,
        answer=lambda answer: answer is Transition.STALE,
    ),
    "release: the first try is given back": Case(
        before=RUNNING,
        call=release(),
        after={QUEUE: {"a": "*"}, JOB: Expiring(BODY, DAY), WAKE: WOKEN},
        answer=lambda answer: answer is None,
        anything=(QUEUE,),
    ),
    "release: a later try is given back": Case(
        before={**RUNNING, TRIES: Expiring(3, DAY)},
        call=release(tries=3),
        after={QUEUE: {"a": "*"}, JOB: Expiring(BODY, DAY), TRIES: Expiring(2, DAY), WAKE: WOKEN},
        answer=lambda answer: answer is None,
        anything=(QUEUE,),
    ),
    "release: the body expires when it would have": Case(
        before=RUNNING,
        call=release(body_expires_ms=round((time.time() + 3600) * 1000)),
        after={QUEUE: {"a": "*"}, JOB: "…", WAKE: WOKEN},
        answer=lambda answer: answer is None,
        anything=(QUEUE, JOB),
    ),
    "release: a claim of a job that was running anew": Case(
        before={**RUNNING, TRIES: Expiring(3, DAY)},
        call=release(tries=3, idle_tries=1),
        after={QUEUE: {"a": "*"}, JOB: Expiring(BODY, DAY), TRIES: Expiring(1, DAY), WAKE: WOKEN},
        answer=lambda answer: answer is None,
        anything=(QUEUE,),
    ),
    "release: somebody else runs it": Case(
        before=TAKEN_OVER, call=release(), after=TAKEN_OVER, answer=lambda answer: answer is None
    ),
    "release: the lease ran out and stock arq has begun a try since": Case(
        before=TRIED_BY_ARQ, call=release(), after=TRIED_BY_ARQ, answer=lambda answer: answer is None
    ),
    "progress: of a running job": Case(
        before={**RUNNING, PROGRESS: "w:1 0 {}"},
        call=report,
        after={**RUNNING, PROGRESS: "…"},
        answer=lambda answer: answer is True,
        anything=(PROGRESS,),
    ),
    "progress: the lease ran out but nobody took the job": Case(
        before=LAPSED,
        call=report,
        after={**LAPSED, PROGRESS: "…"},
        answer=lambda answer: answer is True,
        anything=(PROGRESS,),
    ),
    "progress: somebody else runs it": Case(
        before=TAKEN_OVER, call=report, after=TAKEN_OVER, answer=lambda answer: answer is False
    ),
    "progress: the lease ran out and stock arq has begun a try since": Case(
        before=TRIED_BY_ARQ, call=report, after=TRIED_BY_ARQ, answer=lambda answer: answer is False
    ),
    "progress: the job has ended": Case(
        before={RESULT: Expiring(STORED, 60)},
        call=report,
        after={RESULT: Expiring(STORED, 60)},
        answer=lambda answer: answer is False,
    ),
    "abort: a lease that stock arq left of a job that has ended": Case(
        before={LEASE: Expiring("1", 60)},
        call=abort,
        after={LEASE: Expiring("1", 60)},
        answer=lambda answer: answer is AbortAnswer.UNKNOWN,
    ),
    "abort: queued, its result not to be kept": Case(
        before={QUEUE: {"a": -5}, JOB: Expiring(BODY, 50)},
        call=lambda broker: broker.abort("a", keep=0),
        after={ENDED: Expiring(f"abort {BODY_SHA}", 15)},
        answer=lambda answer: answer is AbortAnswer.ABORTED,
    ),
    "abort: queued, its result not to be kept, somebody waits": Case(
        before={QUEUE: {"a": -5}, JOB: Expiring(BODY, 50), WANTED: Expiring("", 5)},
        call=lambda broker: broker.abort("a", keep=0),
        after={ENDED: Expiring(f"abort {BODY_SHA}", 15), OUTCOME: Expiring("…", 10)},
        answer=lambda answer: answer is AbortAnswer.ABORTED,
    ),
    "abort: queued": Case(
        before={
            QUEUE: {"a": -5},
            JOB: Expiring(BODY, 50),
            TRIES: Expiring(1, 50),
            ABORT: {"a": -1},
            PROGRESS: "w:1 0 {}",
            SUSPECT: "1 1 0 0",
        },
        call=abort,
        after={RESULT: Expiring("…", 60)},
        answer=lambda answer: answer is AbortAnswer.ABORTED,
    ),
    "abort: deferred": Case(
        before={QUEUE: {"a": 50}, JOB: Expiring(BODY, 50)},
        call=abort,
        after={RESULT: Expiring("…", 60)},
        answer=lambda answer: answer is AbortAnswer.ABORTED,
    ),
    "abort: running": Case(
        before=RUNNING,
        call=abort,
        after={**RUNNING, ABORT: {"a": 0}},
        answer=lambda answer: answer is AbortAnswer.REQUESTED,
    ),
    "announce": Case(
        before={"arq:queue:workers": {"dead": -1}},
        call=lambda broker: broker.announce(RECORD, ttl=15),
        after={"arq:queue:workers": {"w": 15}, "arq:queue:worker:w": "…"},
        answer=lambda answer: answer is None,
        anything=("arq:queue:worker:w",),
    ),
    "retire": Case(
        before={
            "arq:queue:workers": {"w": 15, "x": 9},
            "arq:queue:worker:w": Expiring("1 {}", 15),
            CLAIM: "c",
        },
        call=lambda broker: broker.retire(RECORD),
        after={"arq:queue:workers": {"x": 9}},
        answer=lambda answer: answer is None,
    ),
    "retire: the health line stays while another writes it": Case(
        before={
            "arq:queue:workers": {"w": 15, "x": 9},
            "arq:queue:worker:x": Expiring('1 {"health_key":null}', 9),
            HEALTH: Expiring("fine", 99),
        },
        call=lambda broker: broker.retire(RECORD),
        after={
            "arq:queue:workers": {"x": 9},
            "arq:queue:worker:x": Expiring("…", 9),
            HEALTH: Expiring("fine", 99),
        },
        answer=lambda answer: answer is None,
    ),
    "retire: the last that writes a health line takes it along": Case(
        before={
            "arq:queue:workers": {"w": 15, "x": 9, "dead": -1},
            "arq:queue:worker:x": Expiring('1 {"health_key":"another"}', 9),
            "arq:queue:worker:dead": Expiring('1 {"health_key":null}', 9),
            HEALTH: Expiring("fine", 99),
        },
        call=lambda broker: broker.retire(RECORD),
        after={
            "arq:queue:workers": {"x": 9, "dead": -1},
            "arq:queue:worker:x": Expiring("…", 9),
            "arq:queue:worker:dead": Expiring("…", 9),
        },
        answer=lambda answer: answer is None,
    ),
    "health: the line ends with the queue's length": Case(
        before={QUEUE: {"a": -5, "b": 50}},
        call=lambda broker: broker.write_health(QUEUE, "j_ongoing=0 queued=", ttl=99),
        after={QUEUE: {"a": -5, "b": 50}, HEALTH: Expiring("j_ongoing=0 queued=2", 99)},
        answer=lambda answer: answer is None,
    ),
    "pause": Case(
        before=RUNNING,
        call=lambda broker: broker.pause(),
        after={**RUNNING, PAUSED: "…"},
        answer=lambda answer: answer is None,
    ),
    "pause: an earlier pause stays": Case(
        before={PAUSED: "1"},
        call=lambda broker: broker.pause(),
        after={PAUSED: "1"},
        answer=lambda answer: answer is None,
    ),
    "resume": Case(
        before={**RUNNING, PAUSED: "1"},
        call=lambda broker: broker.resume(),
        after={**RUNNING, WAKE: WOKEN},
        answer=lambda answer: answer is None,
    ),
    "resume: one wake token is enough": Case(
        before={PAUSED: "1", WAKE: ["1"]},
        call=lambda broker: broker.resume(),
        after={WAKE: WOKEN},
        answer=lambda answer: answer is None,
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
async def test_transition(case: Case, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_abort_of_an_unknown_job_leaves_nothing(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        assert await broker.abort("a") is AbortAnswer.UNKNOWN
    with server.client() as client:
        assert client.dbsize() == 0


async def test_abort_of_a_finished_job_leaves_its_result(server: RedisServer) -> None:
    with server.client() as client:
        base = seed(client, {RESULT: Expiring(STORED, 60)})
        async with Broker(server.url) as broker:
            assert await broker.abort("a") is AbortAnswer.FINISHED
        assert content(client, base) == about({RESULT: Expiring(STORED, 60)})


async def test_an_aborted_job_decides_how_long_its_result_is_kept(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        for job_id, keep in (("a", 7 * DAY), ("b", None), ("c", 0)):
            await broker.enqueue(request_of("add", job_id=job_id, keep_result=keep))
            assert await broker.abort(job_id, keep=600) is AbortAnswer.ABORTED
    with server.client() as client:
        assert 7 * DAY - 60 < client.ttl("arq:result:a") <= 7 * DAY
        assert 500 < client.ttl("arq:result:b") <= 600
        assert client.exists("arq:result:c") == 0


async def test_renew_extends_what_is_held_and_tells_what_is_lost(server: RedisServer) -> None:
    leases = [Lease(job_id=name, queue=QUEUE, token="w:1", tries=1) for name in "abcde"]
    before = {
        # Of e, stock arq has begun a try since.
        QUEUE: {"a": 1, "b": Marked(-1, mark_of("w:1")), "c": 9, "e": Marked(-1, mark_of("w:1")), "z": 5},
        "arq:job:a": Expiring("A", 50),
        "arq:job:b": Expiring("B", 50),
        "arq:job:c": Expiring("C", 50),
        "arq:in-progress:a": Expiring("w:1", 1),
        "arq:in-progress:c": Expiring("x:1", 9),
        "arq:retry:a": Expiring(1, 50),
        "arq:retry:b": Expiring(1, 50),
        "arq:retry:c": Expiring(2, 50),
        "arq:job:e": Expiring("E", 50),
        "arq:retry:e": Expiring(2, 50),
        ABORT: {"b": -3, "c": -3},
    }
    after = {
        **before,
        QUEUE: {"a": 10, "b": 10, "c": 9, "e": -1, "z": 5},
        "arq:job:a": Expiring("A", DAY),
        "arq:job:b": Expiring("B", DAY),
        "arq:in-progress:a": Expiring("w:1", 10),
        "arq:in-progress:b": Expiring("w:1", 10),
        "arq:retry:a": Expiring(1, DAY),
        "arq:retry:b": Expiring(1, DAY),
    }
    with server.client() as client:
        base = seed(client, before)
        renewer = Broker(server.url).lease_renewer()
        for _ in range(2):
            renewal = renewer.renew(leases, lease=10)
            assert renewal.lost == ["c", "d", "e"]
            assert list(renewal.aborts) == ["b"]
            assert content(client, base) == about(after)
        renewer.close()
