"""What stock arq and jobgate leave in Redis, step by step, is the same to arq, but for DIFFERENCES.

traces/ holds what each version of stock arq sends while it tells arq_story.py: it is held against arq itself,
and played again beside jobgate's own transitions. record_traces.py makes it.
"""

import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest
import redis

from harness.arq.traces import (
    Fact,
    Seconds,
    Story,
    facts,
    look,
    masked,
    play,
    recorded,
    recording_of,
    same,
    slack,
    tell,
)
from harness.arq.versions import ARQ_VERSIONS, RUNNING_VERSIONS, arq_program
from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst
from jobgate.worker import func

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "redis-layout.md"


@dataclass(frozen=True)
class Difference:
    """Facts that are not the same, and what they are; regular expressions throughout."""

    fact: str
    arq: Fact
    jobgate: Fact
    scene: str = ".*"
    step: str = ".*"

    def holds(self, scene: str, step: str, fact: str) -> bool:
        """Tell whether it is about this fact."""
        places = ((self.scene, scene), (self.step, step), (self.fact, fact))
        return all(re.fullmatch(pattern, place) for pattern, place in places)


#: In place of a value: there is one.
THERE = "<there>"
#: Scene, step, fact, and its two values.
Unknown = tuple[str, str, str, Fact, Fact]
RUNNING = "claimed|runs again"
WAITING = "abort of a (queued|deferred) job"
#: Row of the table in docs/redis-layout.md that says why -> the facts.
DIFFERENCES: Mapping[str, list[Difference]] = {
    "the value of a lease": [
        Difference(r"arq:in-progress:\S+", "1", r"[\w.-]+\.\d+\.[0-9a-f]{8}:\d+@\d{13}", step=RUNNING),
    ],
    "how long a lease lasts": [
        Difference("arq:in-progress:a lives", Seconds(310), Seconds(10), step=RUNNING),
        Difference("arq:in-progress:cron.* lives", Seconds(15), Seconds(10), step=RUNNING),
    ],
    "the score of a running job": [
        Difference("arq:queue (a|cron:act:<start>)", Seconds(0), Seconds(10), step=RUNNING),
    ],
    "the field `jobgate`": [Difference(r"arq:(job|result):.* \.jobgate", None, THERE)],
    "how long tries are counted": [
        Difference("arq:retry:.* lives", Seconds(88_400), Seconds(86_400), step=RUNNING),
    ],
    "a first try of one's own": [
        Difference("arq:retry:with-a-try", None, "2", scene="enqueue"),
        Difference("arq:retry:with-a-try lives", None, Seconds(86_400), scene="enqueue"),
    ],
    "a job that is retried lives on": [
        Difference("arq:job:a lives", Seconds(86_400), Seconds(86_460), step="retried"),
        Difference("arq:retry:a lives", Seconds(88_400), Seconds(86_460), step="retried"),
    ],
    "abort of a job that waits": [
        Difference("arq:(abort|job:a|queue) .*", THERE, None, scene=WAITING, step="asked"),
        Difference(r"arq:result:a (lives|\.(?!jobgate).*)", None, THERE, scene=WAITING, step="asked"),
        Difference(r"arq:result:a \.t", "1", "0", scene=WAITING, step="aborted"),
    ],
    "why a job was aborted": [
        Difference(
            r"arq:result:a \.r",
            r"asyncio\.exceptions\.CancelledError\(\)",
            r"asyncio\.exceptions\.CancelledError\('[a-z ]*aborted[a-z ]*'\)",
            step="aborted",
        ),
    ],
    "the end of a cron job": [
        Difference("arq:in-progress:cron:act:<start>", "1", None, step="finished"),
        Difference("arq:in-progress:cron:act:<start> lives", Seconds(60), None, step="finished"),
    ],
    "a worker that stops": [
        Difference("arq:retry:a", "1", None, step="stopped"),
        Difference("arq:retry:a lives", Seconds(88_400), None, step="stopped"),
    ],
}


def is_as(found: Fact, expected: Fact, tolerance: float) -> bool:
    if expected == THERE:
        return found is not None
    if isinstance(expected, str) and isinstance(found, str):
        return re.fullmatch(expected, found) is not None
    return same(found, expected, tolerance)


def compare(arqs: Story, ours: Story, known: list[Difference]) -> tuple[list[Unknown], set[Difference]]:
    """Return what is not the same without being known, and the known differences that were met."""
    assert arqs.keys() == ours.keys()
    unknown, met = [], set()
    for name in arqs:
        for one, other in zip(arqs[name]["steps"], ours[name]["steps"], strict=True):
            tolerance = slack(arqs[name], one) + slack(ours[name], other)
            left, right = facts(arqs[name], one), facts(ours[name], other)
            for fact in sorted({*left, *right}):
                pair = left.get(fact), right.get(fact)
                told = next((each for each in known if each.holds(name, one["step"], fact)), None)
                if told is not None:
                    met.add(told)
                if not agree(pair, told, tolerance):
                    unknown.append((name, one["step"], fact, *pair))
    return unknown, met


def agree(pair: tuple[Fact, Fact], told: Difference | None, tolerance: float) -> bool:
    arqs, ours = pair
    if told is None:
        return same(arqs, ours, tolerance)
    return is_as(arqs, told.arq, tolerance) and is_as(ours, told.jobgate, tolerance)


@pytest.mark.parametrize("version", RUNNING_VERSIONS)
def test_the_recording_is_what_stock_arq_does(version: str, valkey_server: RedisServer) -> None:
    valkey_server.reset()
    recording = recording_of(version)
    story = tell(arq_program(version=version), "arq", valkey_server.url)
    for name, scene in recorded(story).items():
        for now, then in zip(scene["steps"], recording[name]["steps"], strict=True):
            sent = masked(now["commands"], scene["began"])
            assert sent == masked(then["commands"], recording[name]["began"]), f"{name}, {now['step']}"
    with valkey_server.client() as client:
        assert compare(story, play(recording, client), []) == ([], set())


def test_jobgate_leaves_what_stock_arq_leaves(server: RedisServer) -> None:
    ours = tell(sys.executable, "jobgate", server.url)
    known = list(chain.from_iterable(DIFFERENCES.values()))
    for version in ARQ_VERSIONS:
        with server.client() as client:
            arqs = play(recording_of(version), client)
        unknown, met = compare(arqs, ours, known)
        assert unknown == []
        assert [each for each in known if each not in met] == [], "differences that are no more"


@pytest.mark.parametrize("scene", ["abort of a queued job", "abort of a deferred job"])
async def test_a_recorded_client_aborts_a_job_of_jobgates(scene: str, redis_url: str) -> None:
    """The mark that a stock arq client sets has a jobgate worker end the job as arq's would."""
    recording = recording_of(ARQ_VERSIONS[-1])[scene]
    asked = {**recording, "steps": recording["steps"][:1]}
    with redis.Redis.from_url(redis_url) as client:
        arqs = play({scene: recording}, client)
        ours = play({scene: asked}, client)
        await burst([], redis_url, functions=[func(print, name="act")], serializer="pickle")
        done = {"step": "aborted", "noted": time.time() * 1000, "keys": look(client)}
    arqs[scene]["steps"] = arqs[scene]["steps"][1:]
    ours[scene]["steps"] = [done]
    known = [*DIFFERENCES["the field `jobgate`"], *DIFFERENCES["why a job was aborted"]]
    assert compare(arqs, ours, known) == ([], set(known))


def test_each_difference_is_explained() -> None:
    rows = re.findall(r"^\| (.+?) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert set(DIFFERENCES) <= set(rows)


def test_a_difference_would_be_seen(server: RedisServer) -> None:
    recording = recording_of(ARQ_VERSIONS[-1])
    with server.client() as client:
        once, again = play(recording, client), play(recording, client)
        assert compare(once, again, []) == ([], set())
        step = again["retry later"]["steps"][0]
        del step["keys"]["arq:retry:a"]
        step["keys"]["arq:queue"]["value"]["a"] += 30_000
    unknown, _ = compare(once, again, [])
    assert [fact for _, _, fact, _, _ in unknown] == ["arq:queue a", "arq:retry:a", "arq:retry:a lives"]
