"""A few ratios in seconds, for the tests: they fail when one has about halved since it was recorded.

python -m benchmarks.short_form              measures, and compares with what is recorded
python -m benchmarks.short_form --record     records what it measures

All are ratios of processor time. Both sides work at the same time, or by turns of milliseconds: what else
a busy machine does slows both alike. They differ from the ratios of jobs a second that `make bench` reports.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.measures.http.enqueue import send_lines
from benchmarks.measures.work.drain import drained
from benchmarks.peers import ARQ, BARE, GATEWAY, JOBGATE, Front, Peer
from benchmarks.running import Child, Stage, load

RECORDED = Path(__file__).with_name("recorded_ratios.json")
#: Rounds after which is decided, and those of a record.
ROUNDS, RECORDED_ROUNDS = 3, 5
#: Part of a recorded ratio that one of the rounds must reach. Rounds on a busy machine differ by a sixth:
#: with 0.5, code that takes twice as long would pass every other time.
LEAST = 0.65
#: Jobs that take both workers about as long, and requests to each server.
JOBGATE_JOBS, ARQ_JOBS, REQUESTS, TURNS = 8_000, 600, 2_000, 20


def of_drain() -> dict[str, float]:
    """Return how many times less a no-op job takes of worker and Redis than one of arq."""
    with Stage.built(1) as ours, Stage.built(1) as theirs, ThreadPoolExecutor() as threads:
        arq = threads.submit(_drain, theirs, ARQ, ARQ_JOBS)
        job = _drain(ours, JOBGATE, JOBGATE_JOBS)
        return {"drain against arq": arq.result() / job}


def _drain(stage: Stage, peer: Peer, jobs: int) -> float:
    figures = drained(stage, peer, jobs)
    return figures["worker"] + figures["redis"]


def of_requests() -> dict[str, float]:
    """Return what a request takes of bare aiohttp, and a line of NDJSON of the gateway, beside a request."""
    with ExitStack() as stack:
        stage = stack.enter_context(Stage.built(1))
        bare, bare_port = stack.enter_context(BARE.running(stage))
        gateway, port = stack.enter_context(GATEWAY.running(stage))
        works: list[tuple[Child, Callable[[], object]]] = [
            (bare, lambda: _requests(bare_port, BARE)),
            (gateway, lambda: _requests(port, GATEWAY)),
            (gateway, lambda: send_lines(port, 4 * REQUESTS // TURNS)),
        ]
        for _, work in works:
            work()  # warms up
        took = [0.0] * len(works)
        for _ in range(TURNS):
            for number, (server, work) in enumerate(works):
                took[number] += _cpu(server, work)
    of_bare, of_single, of_lines = took
    return {
        "enqueue against bare aiohttp": of_bare / of_single,
        "lines against single requests": of_single / of_lines * 4,
    }


def _requests(port: int, front: Front) -> None:
    load.run(port, front.request(), connections=50, requests=REQUESTS // TURNS, expected=front.status)


def _cpu(server: Child, work: Callable[[], object]) -> float:
    before = server.cpu
    work()
    return server.cpu - before


#: What is measured together.
GROUPS: dict[str, Callable[[], dict[str, float]]] = {"drain": of_drain, "requests": of_requests}


def recorded() -> dict[str, float]:
    """Return the recorded ratios by name."""
    ratios: dict[str, float] = json.loads(RECORDED.read_text())
    return ratios


def lost(group: str) -> dict[str, str]:
    """Return the ratios of a group that have about halved, and what they are now.

    Any one can be bad by chance; what has become slow is slow in each of some rounds.
    """
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, ratio in GROUPS[group]().items():
            best[name] = max(ratio, best.get(name, 0))
        if not _too_low(best):
            break
    return _too_low(best)


def _too_low(ratios: Mapping[str, float]) -> dict[str, str]:
    known = recorded()
    return {
        name: f"{ratio:.2f}, recorded {known[name]:.2f}"
        for name, ratio in ratios.items()
        if ratio < LEAST * known[name]
    }


def _measured() -> Iterator[tuple[str, float]]:
    for measure in GROUPS.values():
        rounds = [measure() for _ in range(RECORDED_ROUNDS)]
        for name in rounds[0]:
            yield name, round(median(ratios[name] for ratios in rounds), 2)


def main() -> None:
    """Compare or record."""
    if sys.argv[1:] == ["--record"]:
        RECORDED.write_text(json.dumps(dict(_measured()), indent=2) + "\n")
        return
    for group in GROUPS:
        print(group, lost(group) or "as recorded")


if __name__ == "__main__":
    main()
