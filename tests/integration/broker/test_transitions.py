"""Jobs that are enqueued, renewed, retried and released, and what workers tell of themselves."""

import asyncio
import time

import pytest

from harness.jobs.database import Content, Expiring, Marked, about, content, seed
from harness.jobs.leases import mark_of
from harness.jobs.transitions import (
    ABORT,
    BODY,
    CATALOGUE,
    CLAIM,
    DAY,
    HEALTH,
    JOB,
    KEY,
    LAPSED,
    PROGRESS,
    QUEUE,
    QUEUES,
    RECORD,
    REMEMBERED,
    RESULT,
    RETRIED,
    RUNNING,
    STORED,
    TAKEN_OVER,
    TRIED_BY_ARQ,
    TRIES,
    VITALS,
    WAKE,
    WOKEN,
    Case,
    check,
    enqueue,
    release,
    report,
    retry,
)
from harness.servers.redis_server import RedisServer
from jobgate.broker import (
    Broker,
    EncodeError,
    Enqueued,
    IdempotencyConflict,
    JobRequest,
    Lease,
    Transition,
    WorkerVitals,
)

POLLER = "arq:queue:job-poller"
#: What an announcement leaves behind.
ANNOUNCED: Content = {
    "arq:queue:epoch": "…",
    "arq:queue:workers": {"w": 15},
    "arq:queue:worker:w": "…",
    QUEUES: {QUEUE: 0},
}

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
        after={QUEUE: {"a": 0}, JOB: Expiring("…", DAY), WAKE: ["1"]},
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
    "announce": Case(
        before={
            "arq:queue:workers": {"gone": -610, "dead": -1},
            QUEUES: {"gone": -86_500, "mail": -60},
        },
        call=lambda broker: broker.announce(RECORD, ttl=15, vitals=WorkerVitals(lag=0.5)),
        after={
            **ANNOUNCED,
            "arq:queue:workers": {"dead": -1, "w": 15},
            QUEUES: {QUEUE: 0, "mail": -60},
            VITALS: Expiring('{"lag":0.5,"memory":null,"in_progress":null,"running":[]}', 15),
        },
        answer=lambda answer: not answer.is_published and not answer.is_polled,
        anything=("arq:queue:worker:w",),
    ),
    "announce: the catalogue lives on": Case(
        before={CATALOGUE: Expiring("{}", 5)},
        call=lambda broker: broker.announce(RECORD, ttl=15, size=2),
        after={CATALOGUE: Expiring("{}", 120), **ANNOUNCED},
        answer=lambda answer: answer.is_published,
        anything=("arq:queue:worker:w",),
    ),
    "announce: something else is in place of the catalogue": Case(
        before={CATALOGUE: Expiring("other", 5)},
        call=lambda broker: broker.announce(RECORD, ttl=15, size=2),
        after={CATALOGUE: Expiring("other", 5), **ANNOUNCED},
        answer=lambda answer: not answer.is_published,
        anything=("arq:queue:worker:w",),
    ),
    "announce: a list is in place of the catalogue": Case(
        before={CATALOGUE: ["x"]},
        call=lambda broker: broker.announce(RECORD, ttl=15, size=2),
        after={CATALOGUE: ["x"], **ANNOUNCED},
        answer=lambda answer: not answer.is_published,
        anything=("arq:queue:worker:w",),
    ),
    "announce: the queue is polled": Case(
        before={POLLER: Expiring("x 1", 5)},
        call=lambda broker: broker.announce(RECORD, ttl=15),
        after={POLLER: Expiring("x 1", 5), **ANNOUNCED},
        answer=lambda answer: answer.is_polled,
        anything=("arq:queue:worker:w",),
    ),
    "announce: another worker polls, but later than this one would": Case(
        before={POLLER: Expiring("x 4100000000000", 60)},
        call=lambda broker: broker.announce(RECORD, ttl=15, poll=40),
        after={POLLER: Expiring("x 4100000000000", 60), **ANNOUNCED},
        answer=lambda answer: not answer.is_polled,
        anything=("arq:queue:worker:w",),
    ),
    "announce: another worker polls as soon as this one would": Case(
        before={POLLER: Expiring("x 1", 60)},
        call=lambda broker: broker.announce(RECORD, ttl=15, poll=0.5),
        after={POLLER: Expiring("x 1", 60), **ANNOUNCED},
        answer=lambda answer: answer.is_polled,
        anything=("arq:queue:worker:w",),
    ),
    "announce: no worker is named where the poller should be": Case(
        before={POLLER: "x"},
        call=lambda broker: broker.announce(RECORD, ttl=15, poll=0.5),
        after={POLLER: "x", **ANNOUNCED},
        answer=lambda answer: not answer.is_polled,
        anything=("arq:queue:worker:w",),
    ),
    "resign": Case(
        before={POLLER: Expiring("w 1", 5)},
        call=lambda broker: broker.resign([QUEUE], worker_id="w"),
        after={WAKE: WOKEN},
        answer=lambda answer: answer is None,
    ),
    "resign: another worker polls": Case(
        before={POLLER: Expiring("x 1", 5)},
        call=lambda broker: broker.resign([QUEUE], worker_id="w"),
        after={POLLER: Expiring("x 1", 5)},
        answer=lambda answer: answer is None,
    ),
    "note_queues: with very many queues the longest unused make room": Case(
        before={QUEUES: {f"q{number}": -number for number in range(1, 1001)}},
        call=lambda broker: broker.note_queues([QUEUE]),
        after={QUEUES: {QUEUE: 0, **{f"q{number}": -number for number in range(1, 1000)}}},
        answer=lambda answer: answer is None,
    ),
    "publish": Case(
        before={CATALOGUE: ["x"]},
        call=lambda broker: broker.publish("d" * 64, b"{}"),
        after={CATALOGUE: Expiring("{}", 120)},
        answer=lambda answer: answer is None,
    ),
    "retire": Case(
        before={
            "arq:queue:workers": {"w": 15, "x": 9},
            "arq:queue:worker:w": Expiring("1 {}", 15),
            CLAIM: "c",
            VITALS: Expiring("{}", 15),
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
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
async def test_transition(case: Case, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    await check(case, server, monkeypatch)


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


async def test_a_job_with_a_chosen_id_takes_few_bytes_more(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        made = await broker.enqueue(JobRequest(function="add", args=[1, 2]))
        chosen = await broker.enqueue(JobRequest(function="add", args=[1, 2], job_id="chosen"))
    with server.client() as client:
        more = client.strlen(f"arq:job:{chosen.job_id}") - client.strlen(f"arq:job:{made.job_id}")
    assert 0 < more < 12


async def test_what_cannot_be_encoded_fails_alone(server: RedisServer) -> None:
    requests = [
        JobRequest(function=name, args=args) for name, args in (("a", [1]), ("b", [set()]), ("c", []))
    ]
    async with Broker(server.url) as broker:
        first, second, third = await asyncio.gather(*map(broker.enqueue, requests), return_exceptions=True)
    assert isinstance(first, Enqueued)
    assert isinstance(second, EncodeError)
    assert isinstance(third, Enqueued)
