"""What is made of a run of the benchmarks: docs/performance.md, its chart, and the verdicts."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.catalogue import CATALOGUE
from benchmarks.marks import MARKS, MORE_MARKS, verdicts
from benchmarks.report import Run, report
from benchmarks.report.chart import PANELS
from benchmarks.report.page import CHART, PAGE, rewrite
from benchmarks.tables import Figure, Table


def drain(**rates: list[float]) -> Table:
    figures = [Figure("rate", "jobs/s", more_is_better=True), Figure("worker", "µs", more_is_better=False)]
    table = Table("drain", "Jobs drained", figures, notes=["SAQ logs nothing."])
    for name, values in rates.items():
        for value in values:
            table.add(name, {"rate": value, "worker": 1e6 / value})
    return table


def run(*tables: Table) -> Run:
    return Run(
        "2026-01-31", "a machine", "make bench", 3, {"arq": {"arq": "0.28.0"}}, {t.name: t for t in tables}
    )


FAST = drain(jobgate=[9_000, 12_000, 10_000], arq=[1_000, 1_000, 1_000], saq=[1_500, 1_500, 3_000])


def test_a_run_survives_its_file(tmp_path: Path) -> None:
    first = run(FAST)
    first.write(tmp_path / "run.json")
    assert Run.read(tmp_path / "run.json") == first


def test_the_page_has_medians_spread_and_notes_and_keeps_what_the_run_has_not(tmp_path: Path) -> None:
    page, picture = tmp_path / "page.md", tmp_path / "chart.svg"
    sections = ("run", "drain", "marks", "call-http")
    page.write_text(
        "\n".join(f"<!-- {name}: begin -->\nold {name}\n<!-- {name}: end -->" for name in sections)
    )
    rewrite(run(FAST), page, picture)
    text = page.read_text()
    assert "| **jobgate** | 10,000 (9,000 to 12,000) | 100 |" in text
    assert "SAQ logs nothing." in text
    assert "arq 0.28.0" in text
    assert "old call-http" in text
    assert "old drain" not in text
    rewrite(run(FAST), page, picture)
    assert page.read_text() == text
    drawn = ElementTree.fromstring(picture.read_text())
    words = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"jobgate", "10,000", "SAQ", "1,500"} <= set(words)


def test_ratios_are_taken_side_by_side() -> None:
    by_name = {one.mark.name: one for one in verdicts({"drain": FAST})}
    against_arq = by_name["drain, one worker, against arq"]
    assert (against_arq.value, against_arq.is_held, against_arq.word) == (10, True, "held")
    best = by_name["drain, one worker, against the best peer"]
    assert (best.value, best.word) == (6, "held")


@pytest.mark.parametrize(
    ("rate", "word"), [(9_999.0, "MISSED"), (10_000.0, "held"), (20_000.0, "aim reached")]
)
def test_a_mark_is_missed_held_or_its_aim_is_reached(rate: int, word: str) -> None:
    table = drain(jobgate=[rate], arq=[1_000])
    (mark,) = (one for one in verdicts({"drain": table}) if one.mark.name.endswith("against arq"))
    assert mark.word == word
    assert word in report(run(table))


def test_a_program_that_failed_is_named() -> None:
    table = drain(jobgate=[1])
    table.failures["arq"] = "It did not start.\nmore"
    assert "arq FAILED: It did not start." in report(run(table))


def test_everything_that_is_named_exists() -> None:
    """The page has a section for each benchmark that it shows; marks and panels are of benchmarks."""
    sections = set(re.findall(r"<!-- ([a-z-]+): begin -->", PAGE.read_text()))
    assert sections - {"run", "marks"} <= set(CATALOGUE)
    assert {panel.table for panel in PANELS} <= sections
    assert CHART.name in PAGE.read_text()
    assert len({mark.name for mark in MARKS + MORE_MARKS}) == len(MARKS + MORE_MARKS)
