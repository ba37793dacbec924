"""Each script beside each key of a wrong kind: done or not called, and the other job of the batch is done.

Lua has no rollback: a script that fails midway would leave its first writes behind.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from harness.hostile.spoilt_keys import KINDS, States, parts, spoil
from harness.jobs.database import Content, Expiring, seed
from harness.jobs.records import lease, result
from harness.servers.redis_server import RedisServer
from jobgate.broker import (
    AbortAnswer,
    Broker,
    BrokerError,
    ClaimedJob,
    IdempotencyKey,
    JobRequest,
    Transition,
    WorkerRecord,
    WorkerVitals,
)
from jobgate.broker.link.settings import async_client

QUEUE, OTHER, ABORT = "arq:queue", "arq:other", "arq:abort"
WAKE, CLAIM, PAUSED, HEALTH = f"{QUEUE}:wake", f"{QUEUE}:claim:w", f"{QUEUE}:paused", f"{QUEUE}:health-check"
WORKERS, WORKER, NEIGHBOUR = f"{QUEUE}:workers", f"{QUEUE}:worker:w", f"{QUEUE}:worker:x"
QUEUES, VITALS = f"{QUEUE}:queues", f"{QUEUE}:vitals:w"
POLLER, EPOCH = f"{QUEUE}:job-poller", f"{QUEUE}:epoch"
CATALOGUE = f"{QUEUE}:catalogue:{'d' * 64}"
JOB, RESULT, LEASE, TRIES = "arq:job:a", "arq:result:a", "arq:in-progress:a", "arq:retry:a"
WAITS = f"{QUEUE}:waits:shop"
WANTED, OUTCOME = f"{QUEUE}:wanted:a", f"{QUEUE}:outcome:a"
PROGRESS, ENDED, REMEMBERED = f"{QUEUE}:progress:a", f"{QUEUE}:ended:a", f"{QUEUE}:idempotency:k"
BODY = '{"t":null,"f":"add","a":[1],"k":{},"et":1000,"jobgate":{"q":"arq:queue","rt":"r1"}}'
DAY = 86_400

#: What a script answers for each of its items; an error where it did not take it.
Answers = Sequence[Any]

WAITING: Content = {
    QUEUE: {"a": -60, "b": -60},
    **{f"arq:job:{one}": Expiring(BODY, DAY) for one in "ab"},
    ABORT: {"a": -90, "b": -90},
}
RUNNING: Content = {
    **WAITING,
    QUEUE: {"a": 10, "b": 10},
    **{f"arq:in-progress:{one}": Expiring("w:1", 10) for one in "ab"},
    **{f"arq:retry:{one}": Expiring(2, DAY) for one in "ab"},
    **{f"{QUEUE}:progress:{one}": "w:1 0 {}" for one in "ab"},
}
AWAITED: Content = {f"{QUEUE}:wanted:{one}": Expiring("", 60) for one in "ab"}
ALIVE: Content = {
    **{f"{queue}:workers": {"w": 60, "x": 60} for queue in (QUEUE, OTHER)},
    **{f"{queue}:worker:w": Expiring('1 {"health_key":null}', 60) for queue in (QUEUE, OTHER)},
    NEIGHBOUR: Expiring('1 {"health_key":"mine"}', 60),
    HEALTH: Expiring("fine", 60),
}
RECORD = WorkerRecord(
    worker_id="w",
    host="h",
    pid=1,
    queues=[QUEUE, OTHER],
    max_jobs=10,
    in_progress=0,
    complete=0,
    failed=0,
    retried=0,
    start_time_ms=0,
    catalogue="d" * 64,
)


async def each(*calls: Awaitable[Any]) -> Answers:
    return await asyncio.gather(*calls, return_exceptions=True)


async def enqueue(broker: Broker) -> Answers:
    request = JobRequest(function="add", job_id="a", first_try=2)
    key = IdempotencyKey(digest="k", request_digest="d")
    return await each(
        broker.enqueue(replace(request, idempotency=key)), broker.enqueue(replace(request, job_id="b"))
    )


async def claim(broker: Broker) -> Answers:
    claimed = await broker.claim(QUEUE, 5, worker_id="w", token="w:1", lease=60)
    jobs = {job.lease.job_id: job for job in claimed.jobs}
    return [jobs.get("a"), jobs.get("b")]


async def claim_again(broker: Broker) -> Answers:
    await claim(broker)
    return await claim(broker)


async def release(broker: Broker) -> Answers:
    # It answers nothing: what became of a job is seen by its lease alone.
    expires = 4_000_000_000_000
    await broker.release(
        [ClaimedJob(lease=lease(one), score_ms=5000, body=None, body_expires_ms=expires) for one in "ab"]
    )
    async with async_client(broker.settings, socket_timeout=None) as client:
        return ["kept" if await client.exists(f"arq:in-progress:{one}") else "released" for one in "ab"]


async def renew(broker: Broker) -> Answers:
    renewer = broker.lease_renewer()
    try:
        renewal = await asyncio.to_thread(renewer.renew, [lease("a"), lease("b")], lease=60)
        return ["lost" if one in renewal.lost else "renewed" for one in "ab"]
    finally:
        renewer.close()


@dataclass(frozen=True)
class Case:
    """A script's call with all the keys that it reads or writes for the job `a`, and those of all jobs."""

    before: Content
    call: Callable[[Broker], Awaitable[Answers]]
    keys: tuple[str, ...]
    #: Whether an item was done, by its answer.
    is_done: Callable[[Any], bool] = lambda answer: answer is not None
    #: Keys that a damaged job keeps as they are.
    kept: tuple[str, ...] = ()


def is_transition_done(answer: Any) -> bool:
    return answer is Transition.DONE


CASES = {
    "enqueue": Case(
        {ABORT: {"a": -90, "b": -90}},
        enqueue,
        (QUEUE, WAKE, ABORT, JOB, RESULT, TRIES, ENDED, REMEMBERED),
        lambda answer: answer.created,
    ),
    "claim": Case(
        WAITING, claim, (QUEUE, WAKE, ABORT, CLAIM, PAUSED, JOB, RESULT, LEASE, TRIES), kept=(TRIES,)
    ),
    "claim, its answer lost": Case(
        WAITING, claim_again, (QUEUE, WAKE, ABORT, PAUSED, JOB, RESULT, LEASE, TRIES), kept=(TRIES,)
    ),
    "finish": Case(
        RUNNING,
        lambda broker: each(*(broker.finish(lease(one), result(one), keep=60) for one in "ab")),
        (QUEUE, ABORT, JOB, RESULT, LEASE, TRIES, PROGRESS, ENDED),
        is_transition_done,
    ),
    "finish, nothing kept": Case(
        {**RUNNING, **AWAITED},
        lambda broker: each(
            *(broker.finish(lease(one), result(one), keep=0, is_wanted=True) for one in "ab")
        ),
        (QUEUE, ABORT, JOB, RESULT, LEASE, TRIES, PROGRESS, ENDED, WANTED, OUTCOME),
        is_transition_done,
    ),
    "retry": Case(
        RUNNING,
        lambda broker: each(*(broker.retry(lease(one), defer=100, score_ms=5000) for one in "ab")),
        (QUEUE, WAKE, ABORT, JOB, LEASE, TRIES),
        is_transition_done,
    ),
    "release": Case(RUNNING, release, (QUEUE, WAKE, JOB, LEASE, TRIES), lambda answer: answer == "released"),
    "renew": Case(
        RUNNING, renew, (QUEUE, ABORT, JOB, LEASE, TRIES, PROGRESS), lambda answer: answer == "renewed"
    ),
    "progress": Case(
        RUNNING,
        lambda broker: each(*(broker.report_progress(lease(one), 0.5) for one in "ab")),
        (QUEUE, LEASE, TRIES, PROGRESS),
        lambda answer: answer is True,
    ),
    "abort of waiting jobs": Case(
        WAITING,
        lambda broker: each(*(broker.abort(one, keep=60) for one in "ab")),
        (QUEUE, ABORT, JOB, RESULT, TRIES, PROGRESS, ENDED),
        lambda answer: answer is AbortAnswer.ABORTED,
    ),
    "abort of waiting jobs, nothing kept": Case(
        {**WAITING, **AWAITED},
        lambda broker: each(*(broker.abort(one, keep=0) for one in "ab")),
        (QUEUE, ABORT, JOB, RESULT, TRIES, PROGRESS, ENDED, WANTED, OUTCOME),
        lambda answer: answer is AbortAnswer.ABORTED,
    ),
    "abort of running jobs": Case(
        RUNNING,
        lambda broker: each(*(broker.abort(one, keep=60) for one in "ab")),
        (QUEUE, ABORT, JOB, RESULT, LEASE, TRIES, PROGRESS, ENDED),
        lambda answer: answer is AbortAnswer.REQUESTED,
    ),
    "announce": Case(
        {WORKERS: {"dead": -60}, EPOCH: "e"},
        lambda broker: each(broker.announce(RECORD, ttl=60, vitals=WorkerVitals())),
        (WORKERS, WORKER, POLLER, VITALS, QUEUES, EPOCH),
        lambda answer: not answer.is_published,
    ),
    "announce, with a catalogue": Case(
        {CATALOGUE: Expiring("{}", 5), EPOCH: "e"},
        lambda broker: each(broker.announce(RECORD, ttl=60, size=2)),
        (WORKERS, WORKER),
        lambda answer: answer.is_published,
    ),
    "publish": Case(
        {},
        lambda broker: each(broker.publish("d" * 64, b"{}")),
        (CATALOGUE,),
        lambda answer: answer is None,
    ),
    "note_queues": Case(
        {},
        lambda broker: each(broker.note_queues([QUEUE])),
        (QUEUES,),
        lambda answer: answer is None,
    ),
    "resign": Case(
        {POLLER: "w 1700000000000"},
        lambda broker: each(broker.resign([QUEUE], worker_id="w")),
        (WAKE,),
        lambda answer: answer is None,
    ),
    "retire": Case(
        ALIVE,
        lambda broker: each(broker.retire(RECORD)),
        (WORKERS, WORKER, CLAIM, HEALTH, VITALS),
        lambda answer: answer is None,
    ),
    "health": Case(
        WAITING,
        lambda broker: each(broker.write_health(QUEUE, "queued=", ttl=60)),
        (QUEUE, HEALTH),
        lambda answer: answer is None,
    ),
    "admit_wait": Case(
        {},
        lambda broker: each(broker.admit_wait("shop", "t", most=1, seconds=60, timeout=5)),
        (WAITS,),
        lambda answer: answer is True,
    ),
    "end_wait": Case(
        {WAITS: {"t": 60}},
        lambda broker: each(broker.end_wait("shop", "t", timeout=5)),
        (WAITS,),
        lambda answer: answer is None,
    ),
    "pause": Case({}, lambda broker: each(broker.pause()), (PAUSED, QUEUES), lambda answer: answer is None),
    "resume": Case(
        {PAUSED: "1"}, lambda broker: each(broker.resume()), (PAUSED, WAKE), lambda answer: answer is None
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
async def test_it_is_done_or_not_called(case: Case, server: RedisServer) -> None:
    faults: list[str] = []
    with server.client() as client:
        async with Broker(server.url) as broker:
            base = seed(client, case.before)
            answers = await case.call(broker)
            assert all(map(case.is_done, answers)), answers
            done = parts(client, base)
            for key in case.keys:
                for kind in KINDS:
                    client.flushdb()
                    base = seed(client, case.before)
                    spoil(client, key, kind)
                    before = parts(client, base)
                    try:
                        answers = await case.call(broker)
                    except BrokerError as error:
                        answers = [error] * len(answers)
                    states = States(before, parts(client, base), done, key)
                    faults += (f"{key} {kind}: {fault}" for fault in _faults(case, states, answers))
    assert not faults, "\n".join(faults)


def _faults(case: Case, states: States, answers: Answers) -> list[str]:
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    faults = [
        f"{error!r} is no error of the broker" for error in errors if not isinstance(error, BrokerError)
    ]
    if len(answers) == 1:
        return faults + _faults_of_one(states, errors)
    if len(errors) == len(answers):
        return faults + _differing("not called, but", states, states.all_parts(), states.before)
    for job_id, answer in zip("ab", answers, strict=True):
        faults += _faults_of_job(case, states, job_id, answer)
    return faults


def _faults_of_job(case: Case, states: States, job_id: str, answer: Any) -> list[str]:
    own = [part for part in states.of(job_id) if part[0] not in case.kept]
    if isinstance(answer, Exception):
        return _differing(f"{job_id} not called, but", states, own, states.before)
    if case.is_done(answer):
        return _differing(f"{job_id} done, but", states, own, states.done)
    faults = _differing(f"{job_id} left alone, but", states, own, states.before)
    if job_id == "b" and states.key not in (PAUSED, QUEUE):
        faults.append(f"the other job was not served: {answer}")
    return faults


def _faults_of_one(states: States, errors: list[Exception]) -> list[str]:
    """A call for several queues: what failed for one is done for the other."""
    here = [part for part in states.all_parts() if not part[0].startswith(OTHER)]
    there = [part for part in states.all_parts() if part[0].startswith(OTHER)]
    expected = states.before if errors else states.done
    told = "not called, but" if errors else "done, but"
    return [
        *_differing(told, states, here, expected),
        *_differing("the other queue was not served:", states, there, states.done),
    ]


def _differing(told: str, states: States, parts: Any, than: Any) -> list[str]:
    return [
        f"{told} {part} was {states.before.get(part)}, is {states.after.get(part)}, not {than.get(part)}"
        for part in states.differing(parts, than=than)
    ]
