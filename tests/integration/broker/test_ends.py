"""Ends of jobs: finished or aborted, with or without a result that is kept."""

import pytest

from harness.jobs.database import Expiring, about, content, seed
from harness.jobs.records import request_of
from harness.jobs.transitions import (
    ABORT,
    BODY,
    BODY_SHA,
    DAY,
    ENDED,
    FAILED,
    FINISHED,
    JOB,
    LAPSED,
    LEASE,
    NOTE,
    OUTCOME,
    PROGRESS,
    QUEUE,
    REQUEST,
    RESULT,
    RUNNING,
    STORED,
    SUSPECT,
    TAKEN_OVER,
    TRIED_BY_ARQ,
    TRIES,
    WANTED,
    Case,
    abort,
    check,
    finish,
)
from harness.servers.redis_server import RedisServer
from jobgate.broker import (
    AbortAnswer,
    Broker,
    Transition,
)

CASES = {
    "finish: result in, all else out": Case(
        before={**RUNNING, ABORT: {"a": -1, "b": -1}, PROGRESS: "w:1 0 {}", SUSPECT: "1 1 0 0"},
        call=finish(),
        after={RESULT: Expiring(STORED, 60), ABORT: {"b": -1}, FINISHED: {"a": 0}},
        answer=lambda answer: answer is Transition.DONE,
    ),
    "finish: result kept for ever": Case(
        before=RUNNING,
        call=finish(keep=None),
        after={RESULT: STORED, FINISHED: {"a": 0}},
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
        after={RESULT: Expiring(STORED, 60), FINISHED: {"a": 0}},
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
        after={
            RESULT: Expiring("…", 60),
            REQUEST: Expiring(BODY, 60),
            NOTE: Expiring('["add","CancelledError","aborted",null]', 60),
            FINISHED: {"a": 0},
            FAILED: {"a": 0},
        },
        answer=lambda answer: answer is AbortAnswer.ABORTED,
    ),
    "abort: deferred": Case(
        before={QUEUE: {"a": 50}, JOB: Expiring(BODY, 50)},
        call=abort,
        after={
            RESULT: Expiring("…", 60),
            REQUEST: Expiring(BODY, 60),
            NOTE: Expiring('["add","CancelledError","aborted",null]', 60),
            FINISHED: {"a": 0},
            FAILED: {"a": 0},
        },
        answer=lambda answer: answer is AbortAnswer.ABORTED,
    ),
    "abort: running": Case(
        before=RUNNING,
        call=abort,
        after={**RUNNING, ABORT: {"a": 0}},
        answer=lambda answer: answer is AbortAnswer.REQUESTED,
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
async def test_transition(case: Case, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    await check(case, server, monkeypatch)


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
