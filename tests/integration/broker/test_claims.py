"""Claims: which jobs a worker gets, and what each claim leaves in Redis."""

import pytest

from harness.jobs.database import Expiring
from harness.jobs.transitions import (
    ABORT,
    BODY,
    CLAIM,
    CLAIMED,
    DAY,
    JOB,
    LAPSED,
    LEASE,
    LOST,
    OURS,
    PAUSED,
    QUEUE,
    QUEUES,
    RUNNING,
    SUSPECT,
    TRIES,
    WAKE,
    WOKEN,
    Case,
    check,
    claim,
    one,
    seen,
)
from harness.servers.redis_server import RedisServer
from jobgate.broker import Transition

#: A job whose lease had lapsed, in its second try under the token `v:1`.
CLAIMED_ANEW = {**RUNNING, LEASE: Expiring("v:1", 10), TRIES: Expiring(2, DAY), CLAIM: Expiring("…", DAY)}

POLLER = "arq:queue:job-poller"

CASES = {
    "claim: nothing there": Case(
        before={},
        call=claim(),
        after={},
        answer=lambda answer: not answer.jobs and answer.next_due_in is None,
    ),
    "claim: an idle worker that claims again is named as poller": Case(
        before={POLLER: Expiring("w 1700000000000", 1)},
        call=claim(poll=2),
        after={POLLER: Expiring("…", 3)},
        answer=lambda answer: answer.polls,
        anything=(POLLER,),
    ),
    "claim: another idle worker looks earlier": Case(
        before={POLLER: Expiring("x 1700000000000", 1)},
        call=claim(poll=2),
        after={POLLER: Expiring("x 1700000000000", 1)},
        answer=lambda answer: not answer.polls,
    ),
    "claim: a poller that something else named for ever is replaced": Case(
        before={POLLER: "x 1700000000000"},
        call=claim(poll=2),
        after={POLLER: Expiring("…", 3)},
        answer=lambda answer: answer.polls,
        anything=(POLLER,),
    ),
    "claim: another idle worker looks later": Case(
        before={POLLER: Expiring("x 4100000000000", 60)},
        call=claim(poll=2),
        after={POLLER: Expiring("…", 3)},
        answer=lambda answer: answer.polls,
        anything=(POLLER,),
    ),
    "claim: the next due time comes before the next look": Case(
        before={QUEUE: {"a": 50}, POLLER: Expiring("x 4100000000000", 60)},
        call=claim(poll=100),
        after={QUEUE: {"a": 50}, POLLER: Expiring("…", 51)},
        answer=lambda answer: answer.polls,
        anything=(POLLER,),
    ),
    "claim: a paused queue has a poller": Case(
        before={PAUSED: "1"},
        call=claim(poll=2),
        after={PAUSED: "1", POLLER: Expiring("…", 3)},
        answer=lambda answer: answer.polls and answer.is_paused,
        anything=(POLLER,),
    ),
    "claim: the poller that has taken all it can is replaced": Case(
        before={QUEUE: {"a": -5}, JOB: Expiring(BODY, 50), POLLER: Expiring("w 1700000000000", 1)},
        call=claim(limit=1, poll=2),
        after={**CLAIMED, CLAIM: Expiring("…", DAY), WAKE: WOKEN},
        answer=lambda answer: one(answer) and answer.polls,
    ),
    "claim: another worker has taken all it can": Case(
        before={QUEUE: {"a": -5}, JOB: Expiring(BODY, 50), POLLER: Expiring("x 1700000000000", 1)},
        call=claim(limit=1, poll=2),
        after={**CLAIMED, CLAIM: Expiring("…", DAY), POLLER: Expiring("x 1700000000000", 1)},
        answer=lambda answer: one(answer) and answer.polls,
    ),
    "claim: the wake token is old": Case(
        before={QUEUE: {"a": -5}, JOB: Expiring(BODY, 50)},
        call=claim(woken_ms=1_700_000_000_000),
        after={**CLAIMED, CLAIM: Expiring("…", DAY)},
        answer=one,
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
        after={**CLAIMED_ANEW, SUSPECT: Expiring("1 1 0 0", DAY), **LOST},
        answer=lambda answer: seen(answer) == (2, 1, 1),
    ),
    "claim: a job that ran alone when its worker died pays for its crashes": Case(
        before={**LAPSED, SUSPECT: "1 1 0 2"},
        call=claim(token="v:1"),
        after={**CLAIMED_ANEW, SUSPECT: Expiring("2 0 0 0", DAY), **LOST},
        answer=lambda answer: seen(answer) == (2, 2, 0),
    ),
    "claim: a suspect that had not begun when its worker died keeps its try": Case(
        before={**LAPSED, TRIES: Expiring(2, DAY), SUSPECT: Expiring("1 1 4 0", 50)},
        call=claim(token="v:1"),
        after={**CLAIMED_ANEW, SUSPECT: Expiring("1 1 5 0", DAY)},
        answer=lambda answer: seen(answer) == (2, 1, 1),
    ),
    "claim: a suspect whose very claim ends its worker does not come back for ever": Case(
        before={**LAPSED, SUSPECT: Expiring("1 1 100 0", 50)},
        call=claim(token="v:1"),
        after={**CLAIMED_ANEW, SUSPECT: Expiring("2 2 100 0", DAY), **LOST},
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
        after={**CLAIMED_ANEW, SUSPECT: Expiring("1 1 0 0", DAY), **LOST},
        answer=lambda answer: seen(answer) == (2, 1, 1),
    ),
    "pause": Case(
        before=RUNNING,
        call=lambda broker: broker.pause(),
        after={**RUNNING, PAUSED: "…", QUEUES: {QUEUE: 0}},
        answer=lambda answer: answer is None,
    ),
    "pause: an earlier pause stays": Case(
        before={PAUSED: "1"},
        call=lambda broker: broker.pause(),
        after={PAUSED: "1", QUEUES: {QUEUE: 0}},
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
        after={WAKE: ["1"]},
        answer=lambda answer: answer is None,
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
async def test_transition(case: Case, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    await check(case, server, monkeypatch)
