"""The chart of docs/performance.md: a few bars, in the colours of whoever looks at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.tables import OURS, Table, shown

WIDTH, NAMES, VALUES = 760, 150, 130
#: Heights of a bar with its gap, and of what stands above a panel's bars and below them.
ROW, HEAD, FOOT, TOP = 26, 46, 20, 10
BAR = 16
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.hint, .name { fill: #59636e }
.ours.name, .ours.value { fill: #1f2328; font-weight: 600 }
.ground { fill: #ffffff }
.bar { fill: #c4ccd6 }
.bar.ours { fill: #0a7c66 }
.bar.ceiling { fill: none; stroke: #8c959f; stroke-dasharray: 3 3 }
.line { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .hint, .name { fill: #9198a1 }
  .ours.name, .ours.value { fill: #f0f6fc }
  .ground { fill: #0d1117 }
  .bar { fill: #3d444d }
  .bar.ours { fill: #2fbf9b }
  .bar.ceiling { fill: none; stroke: #767e88 }
  .line { stroke: #3d444d }
}
"""


@dataclass(frozen=True)
class Panel:
    """Bars of one figure of one table."""

    table: str
    figure: str
    title: str
    hint: str
    #: Programs that do not do the work: what could be reached at best.
    ceilings: Sequence[str] = ()


PANELS = (
    Panel("drain", "rate", "No-op jobs drained by one worker", "jobs a second, more is better"),
    Panel(
        "enqueue-http",
        "rate",
        "Enqueue over HTTP, 64 connections",
        "requests a second, more is better",
        ["bare aiohttp"],
    ),
    Panel(
        "call-http",
        "p50",
        "Call over HTTP, result included",
        "milliseconds for half of the calls, less is better",
        ["bare aiohttp"],
    ),
    Panel(
        "call-redis",
        "p50",
        "Call through Redis, result included",
        "milliseconds for half of the calls, less is better",
    ),
)
#: How peers write their names.
SPELT = {"saq": "SAQ", "streaq": "streaQ"}


def chart(tables: Mapping[str, Table]) -> str:
    """Return the chart as SVG, of the panels whose tables there are."""
    parts, top = [], TOP
    for panel in PANELS:
        if panel.table in tables and tables[panel.table].rows:
            drawn, height = _panel(panel, tables[panel.table], top)
            parts.append(drawn)
            top += height
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
        f'role="img" aria-label="jobgate beside other queues">\n<style>{STYLE}</style>\n'
        f'<rect class="ground" width="{WIDTH}" height="{top}" rx="8"/>\n'
    )
    return head + "\n".join(parts) + "\n</svg>\n"


def _panel(panel: Panel, table: Table, top: int) -> tuple[str, int]:
    """Return the drawing of a panel, and its height."""
    values = {name: table.median(name, panel.figure) for name in table.rows}
    # One process of each: rows of several stand in the table only.
    known = {name: value for name, value in values.items() if value is not None and "--" not in name}
    longest = max(known.values(), default=1) or 1
    lines = [
        f'<text class="title" x="20" y="{top + 22}">{escape(panel.title)}</text>',
        f'<text class="hint" x="{WIDTH - 20}" y="{top + 22}" text-anchor="end">{escape(panel.hint)}</text>',
    ]
    at = top + HEAD
    for name, value in known.items():
        kind = "ours" if name == OURS else "ceiling" if name in panel.ceilings else "theirs"
        lines += _bar(kind, SPELT.get(name, name), value, longest, at)
        at += ROW
    lines.append(
        f'<line class="line" x1="{NAMES + 20}" x2="{NAMES + 20}" y1="{top + HEAD - 6}" y2="{at - 4}"/>'
    )
    return "\n".join(lines), at + FOOT - top


def _bar(kind: str, name: str, value: float, longest: float, top: int) -> list[str]:
    left = NAMES + 20
    length = max(2.0, (WIDTH - left - VALUES) * value / longest)
    middle = top + BAR - 3
    return [
        f'<text class="name {kind}" x="{left - 10}" y="{middle}" text-anchor="end">{escape(name)}</text>',
        f'<rect class="bar {kind}" x="{left}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"/>',
        f'<text class="value {kind}" x="{left + length + 8:.1f}" y="{middle}">{shown(value)}</text>',
    ]
