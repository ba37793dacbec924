"""A few ratios in seconds, for the tests: they fail when one has about halved since it was recorded.

python -m benchmarks.short_form              measures, and compares with what is recorded
python -m benchmarks.short_form --record     records what it measures

All are ratios of processor time, which other programs on a busy machine change little, and change for both
sides. So they differ from the ratios of jobs a second that `make bench` reports.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.measures.http.enqueue import send_lines
from benchmarks.measures.work.drain import drained
from benchmarks.peers import ARQ, BARE, GATEWAY, JOBGATE, Front, Peer
from benchmarks.running import Child, Stage, load

RECORDED = Path(__file__).with_name("recorded_ratios.json")
#: Rounds after which is decided, and those of a record.
ROUNDS, RECORDED_ROUNDS = 3, 5
#: Part of a recorded ratio that must be reached after all rounds. Even the least of some times differ by a tenth
#: on a busy machine: with 0.5, code that takes twice as long would pass every other time.
LEAST = 0.6
#: Part that decides after one round.
CLEAR = 0.8
#: Processor time of a piece of work, by the name of who does it.
Costs = dict[str, float]


def of_drain(stage: Stage) -> Costs:
    """Return what a no-op job takes of worker and Redis."""
    return {"arq's job": _drain(stage, ARQ, 400), "job": _drain(stage, JOBGATE, 4_000)}


def _drain(stage: Stage, peer: Peer, jobs: int) -> float:
    stage.empty()
    figures = drained(stage, peer, jobs)
    return figures["worker"] + figures["redis"]


def of_requests(stage: Stage, requests: int = 2_000) -> Costs:
    """Return what a request takes of bare aiohttp and of the gateway, and what a line of NDJSON takes."""
    with BARE.running(stage) as (server, port):
        _requests(port, BARE, requests // 10)
        bare = _cpu(server, lambda: _requests(port, BARE, requests))
    stage.empty()
    with GATEWAY.running(stage) as (server, port):
        _requests(port, GATEWAY, requests // 10)
        single = _cpu(server, lambda: _requests(port, GATEWAY, requests))
        line = _cpu(server, lambda: send_lines(port, 2 * requests)) / 2
    return {"bare request": bare, "request": single, "line": line}


def _requests(port: int, front: Front, requests: int) -> None:
    load.run(port, front.request(), connections=64, requests=requests, expected=front.status)


def _cpu(server: Child, work: Callable[[], object]) -> float:
    before = server.cpu
    work()
    return server.cpu - before


#: What is measured together, and the ratios of it: more is better.
GROUPS: dict[str, tuple[Callable[[Stage], Costs], Sequence[tuple[str, str]]]] = {
    "drain": (of_drain, [("arq's job", "job")]),
    "requests": (of_requests, [("bare request", "request"), ("request", "line")]),
}


def recorded() -> dict[str, float]:
    """Return the recorded ratios by name."""
    ratios: dict[str, float] = json.loads(RECORDED.read_text())
    return ratios


def lost(stage: Stage, group: str) -> dict[str, str]:
    """Return the ratios of a group that have about halved, and what they are now."""
    known = recorded()
    for number, ratios in enumerate(_rounds(stage, group, ROUNDS), 1):
        wanted = LEAST if number == ROUNDS else CLEAR
        low = {name: ratio for name, ratio in ratios.items() if ratio < wanted * known[name]}
        if not low:
            break
    return {name: f"{ratio:.2f}, recorded {known[name]:.2f}" for name, ratio in low.items()}


def _rounds(stage: Stage, group: str, rounds: int) -> Iterator[dict[str, float]]:
    """Yield the ratios of the least times so far: what else a machine does can only add to a time."""
    measure, pairs = GROUPS[group]
    least: Costs = {}
    for _ in range(rounds):
        for name, cost in measure(stage).items():
            least[name] = min(cost, least.get(name, cost))
        yield {f"{a} / {b}": least[a] / least[b] for a, b in pairs}


def _record(stage: Stage) -> None:
    found: dict[str, float] = {}
    for group in GROUPS:
        *_, ratios = _rounds(stage, group, RECORDED_ROUNDS)
        found |= {name: round(ratio, 2) for name, ratio in ratios.items()}
    RECORDED.write_text(json.dumps(found, indent=2) + "\n")


def main() -> None:
    """Compare or record."""
    with Stage.built(1) as stage:
        if sys.argv[1:] == ["--record"]:
            _record(stage)
            return
        for group in GROUPS:
            print(group, lost(stage, group) or "as recorded")


if __name__ == "__main__":
    main()
