"""The sections of docs/performance.md that a run fills in."""

import re
from pathlib import Path

from benchmarks.marks import verdicts
from benchmarks.report.chart import SPELT, chart
from benchmarks.report.document import Run
from benchmarks.running import ROOT
from benchmarks.tables import OURS, Figure, Table, shown

PAGE, CHART = ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.svg"
#: What the page calls the environments.
PEERS = {"jobgate": "jobgate's own", "fastapi": "FastAPI + arq", "celery": "Flower + Celery"} | SPELT


def rewrite(run: Run, page: Path = PAGE, picture: Path = CHART) -> None:
    """Fill in the sections of a run, and draw its chart. Sections for which it has nothing stay."""
    text = page.read_text()
    text = _with_section(text, "run", _about(run))
    text = _with_section(text, "marks", _marks(run))
    for table in run.tables.values():
        text = _with_section(text, table.name, _table(table))
    page.write_text(text)
    picture.write_text(chart(run.tables))


def _with_section(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text)


def _about(run: Run) -> str:
    versions = "; ".join(
        f"{PEERS.get(name, name)}: {', '.join(f'{one} {version}' for one, version in packages.items())}"
        for name, packages in run.versions.items()
    )
    return f"{run.date}, {run.machine}. `{run.command}`, medians of {run.rounds} rounds.\n\n{versions}."


def _marks(run: Run) -> str:
    lines = ["| mark | measured | must be | aim | |", "|---|---:|---:|---:|---|"]
    for one in verdicts(run.tables):
        if one.value is not None:
            goals = f"{one.mark.goal(one.mark.bound)} | {one.mark.goal(one.mark.aim)}"
            lines.append(f"| {one.mark.name} | {one.measured} | {goals} | {one.word} |")
    return "\n".join(lines)


def _table(table: Table) -> str:
    """Return the medians; of the first figure also the least and the most."""
    figures = [figure for figure in table.figures if any(figure.name in row for row in table.rows.values())]
    heads = [f"{figure.name}, {figure.unit}" for figure in figures]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for name in table.rows:
        cells = [_cell(table, name, figure, with_spread=figure is figures[0]) for figure in figures]
        shown_name = SPELT.get(name, name)
        lines.append(f"| {f'**{name}**' if name == OURS else shown_name} | {' | '.join(cells)} |")
    notes = [*table.notes, *(f"{name} failed." for name in table.failures)]
    return "\n".join([f"**{table.title}**", "", *lines, *(["", " ".join(notes)] if notes else [])])


def _cell(table: Table, name: str, figure: Figure, *, with_spread: bool) -> str:
    value = table.median(name, figure.name)
    if value is None:
        return "–"
    values = table.rows[name][figure.name]
    spread = f" ({shown(min(values))} to {shown(max(values))})" if with_spread and len(values) > 1 else ""
    return shown(value) + spread
