"""One job for each line of standard input: `jobgate enqueue --each`."""

from jobgate.cli.lines.each import Each
from jobgate.cli.lines.line_calls import LineCalls
from jobgate.cli.lines.line_options import LineOptions, line_options

__all__ = ["Each", "LineCalls", "LineOptions", "line_options"]
