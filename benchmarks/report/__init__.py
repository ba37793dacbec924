"""What is made of a run: a document, a report for the terminal, a chart, and docs/performance.md."""

from benchmarks.report.document import Run
from benchmarks.report.terminal import report

__all__ = ["Run", "report"]
