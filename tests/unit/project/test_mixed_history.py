"""The judge of the mixed fleets sees each kind of wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.arq.mixed_history import Figures, MixedHistory, Signal, Worker

JOBGATE, OLD, NEW = 1, 26, 28
WORKERS = [Worker(JOBGATE, "jobgate"), Worker(OLD, "0.26.0"), Worker(NEW, "0.28.0")]
KILLED = [Signal(2.0, 2.1, NEW, "SIGKILL to 0.28.0")]
RIGHT = ["1.0 start j 1 1", "1.1 end j 1 1"]
GOOD = [True, 1, 1]
SEEN = [(0.5, "queued"), (1.05, "in_progress"), (1.3, "complete")]
CUT = ["1.5 start j 1 28", "9.0 start j 2 1", "9.1 end j 2 1"]
RETRIED = ["1.0 start j 1 1", "1.1 retry j 1 1", "{} start j 2 {}", "3.0 end j 2 {}"]


def looks(*seen: tuple[float, str]) -> list[tuple[Any, ...]]:
    return [(at, status, status, status) for at, status in seen]


def judged(
    folder: Path,
    lines: list[str],
    *,
    kind: str = "slow",
    seen: list[tuple[Any, ...]] | None = None,
    outcomes: tuple[Any, Any] | None = (GOOD, GOOD),
    signals: list[Signal] | None = None,
) -> Figures:
    words: list[list[Any]] = [["job", "j", kind, 0.4, 0.45]]
    words += [["look", "j", at, *views, at + 0.01] for at, *views in seen or looks(*SEEN)]
    words += [["outcome", "j", *outcomes]] if outcomes else []
    (folder / "seen").write_text("".join(json.dumps(each) + "\n" for each in words))
    (folder / "lines").write_text("".join(f"{line}\n" for line in lines))
    return MixedHistory(folder / "lines", folder / "seen", WORKERS, signals or []).check()


def test_what_is_right(tmp_path: Path) -> None:
    figures = judged(tmp_path, RIGHT)
    assert figures.wrong == []
    assert (figures.jobs, figures.runs, figures.looks, figures.agreed) == (1, 1, 3, 3)


def test_a_run_that_a_signal_cut(tmp_path: Path) -> None:
    seen = looks(
        (0.5, "queued"), (1.6, "in_progress"), (8.0, "queued"), (9.05, "in_progress"), (9.2, "complete")
    )
    figures = judged(tmp_path, CUT, seen=seen, outcomes=([True, 1, 2],) * 2, signals=KILLED)
    assert (figures.wrong, figures.repeated) == ([], 1)


def test_one_signal_is_the_reason_of_one_step_back(tmp_path: Path) -> None:
    between = [(at, "in_progress", "queued", "in_progress") for at in (3.0, 4.0)]
    seen = [
        *looks((0.5, "queued"), (1.6, "in_progress")),
        *between,
        *looks((9.05, "in_progress"), (9.2, "complete")),
    ]
    figures = judged(tmp_path, CUT, seen=seen, outcomes=([True, 1, 2],) * 2, signals=KILLED)
    assert "seen queued after in_progress at 4.010" in "\n".join(figures.wrong)
    assert figures.raced == 2


@pytest.mark.parametrize(("moment", "wrong"), [(0.43, False), (0.5, True)])
def test_the_clocks_differ_by_less_than_a_millisecond(tmp_path: Path, moment: float, wrong: bool) -> None:
    seen = [(moment, "queued", "deferred", "queued"), *looks(*SEEN[1:])]
    figures = judged(tmp_path, RIGHT, kind="deferred", seen=seen)
    assert figures.raced == 1
    assert bool(figures.wrong) == wrong


@pytest.mark.parametrize(("worker", "wrong"), [(OLD, False), (NEW, True), (JOBGATE, True)])
def test_a_try_before_it_is_due(tmp_path: Path, worker: int, wrong: bool) -> None:
    lines = [line.format("1.2" if "start" in line else worker, worker) for line in RETRIED]
    seen = looks(
        (0.5, "queued"), (1.05, "in_progress"), (1.15, "deferred"), (1.25, "in_progress"), (3.1, "complete")
    )
    figures = judged(tmp_path, lines, kind="later", seen=seen, outcomes=([True, worker, 2],) * 2)
    assert figures.early == 1
    assert bool(figures.wrong) == wrong


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"lines": []}, "lost", id="it never ran"),
        pytest.param({"lines": RIGHT[:1]}, "lost", id="it never came to its end"),
        pytest.param({"outcomes": None}, "no outcome", id="there is no result"),
        pytest.param({"outcomes": (GOOD, [True, 28, 1])}, "different outcomes", id="two results"),
        pytest.param({"outcomes": ([True, 28, 1],) * 2}, "another outcome", id="the result of nobody"),
        pytest.param({"outcomes": ([False, "KeyError('j')", 1],) * 2}, "another outcome", id="a failure"),
        pytest.param({"outcomes": ([True, 1, 2],) * 2}, "tries", id="a try that never was"),
        pytest.param({"lines": [*RIGHT, "1.2 start j 2 28", "1.25 end j 2 28"]}, "twice", id="two runs"),
        pytest.param(
            {"lines": ["1.0 start j 1 28", *CUT[1:]], "signals": [Signal(0.8, 0.9, NEW, "before it ran")]},
            "twice",
            id="killed before it ran",
        ),
        pytest.param(
            {"lines": [*RIGHT, "9.0 start j 2 28", "9.1 end j 2 28"]}, "after it had ended", id="late"
        ),
        pytest.param({"lines": ["0.1 start j 1 1", *RIGHT[1:]]}, "before it was due", id="early"),
        pytest.param(
            {"lines": [*RIGHT, *[line.replace(" j ", " k ") for line in RIGHT]]}, "never asked", id="extra"
        ),
        pytest.param({"seen": looks(*SEEN[:2])}, "nobody saw it end", id="it seems to run for ever"),
        pytest.param({"seen": looks((0.5, "not_found"), *SEEN)}, "not found", id="not found"),
        pytest.param({"seen": looks((0.5, "deferred"), *SEEN)}, "was not", id="deferred"),
        pytest.param({"seen": looks(SEEN[1], (1.1, "queued"), SEEN[2])}, "seen queued after", id="back"),
        pytest.param({"seen": looks(SEEN[2], *SEEN)}, "after complete", id="back from the end"),
        pytest.param(
            {"seen": [(0.5, "queued", "in_progress", "queued"), *looks(*SEEN)]},
            "seen queued after in_progress",
            id="the gateway is ahead",
        ),
        pytest.param(
            {"seen": [(1.05, "in_progress", "queued", "in_progress"), *looks(*SEEN[1:])]},
            "seen queued after in_progress",
            id="the gateway is behind",
        ),
    ],
)
def test_what_is_wrong(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    figures = judged(tmp_path, **{"lines": RIGHT, **changes})
    assert complaint in "\n".join(figures.wrong)
