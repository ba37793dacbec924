"""The report on the terminal."""

from collections.abc import Iterator

from benchmarks.marks import verdicts
from benchmarks.report.document import Run
from benchmarks.tables import OURS, Figure, Table, shown


def report(run: Run) -> str:
    """Return all tables of a run, and how the marks stand."""
    head = f"{run.date}, {run.machine}, medians of {run.rounds} rounds, with the least and the most."
    parts = [head, *(_table(table) for table in run.tables.values())]
    return "\n\n".join([*parts, marks(run)])


def _table(table: Table) -> str:
    lines = [f"{table.name}: {table.title}"]
    width = max(map(len, [*table.rows, OURS]))
    for figure in table.figures:
        lines.append(f"  {figure.name} ({figure.unit})")
        lines += [f"    {name:{width}}  {_cell(table, name, figure)}" for name in _with(table, figure)]
    lines += [f"  {note}" for note in table.notes]
    return "\n".join(
        lines + [f"  {name} FAILED: {why.splitlines()[0]}" for name, why in table.failures.items()]
    )


def _with(table: Table, figure: Figure) -> Iterator[str]:
    return (name for name, row in table.rows.items() if figure.name in row)


def _cell(table: Table, name: str, figure: Figure) -> str:
    values = table.rows[name][figure.name]
    spread = f"({shown(min(values))} to {shown(max(values))})"
    text = f"{shown(table.median(name, figure.name) or 0):>10}  {spread:24}"
    return text + _comparison(table, name, figure)


def _comparison(table: Table, name: str, figure: Figure) -> str:
    """Return how many times better jobgate is than each peer in a figure."""
    if name == OURS or figure.more_is_better is None:
        return ""
    pair = (OURS, name) if figure.more_is_better else (name, OURS)
    ratio = table.ratio(*pair, figure.name)
    return (
        ""
        if ratio is None
        else f"jobgate {shown(ratio)}× better"
        if ratio >= 1
        else f"jobgate {shown(ratio)}×"
    )


def marks(run: Run) -> str:
    """Return the table of marks."""
    found = [verdict for verdict in verdicts(run.tables) if verdict.value is not None]
    if not found:
        return ""
    width = max(len(verdict.mark.name) for verdict in found)
    lines = [f"{'mark':{width}}  {'measured':>10}  {'at least':>10}  {'the aim':>10}"]
    for one in found:
        goals = f"{one.mark.goal(one.mark.bound):>10}  {one.mark.goal(one.mark.aim):>10}"
        lines.append(f"{one.mark.name:{width}}  {one.measured:>10}  {goals}  {one.word}")
    return "\n".join(lines)
