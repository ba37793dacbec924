"""What a command writes: tables and colours for people, JSON lines for programs."""

from jobgate.cli.terminal.bars import Bar
from jobgate.cli.terminal.columns import Column, cell
from jobgate.cli.terminal.jobs import progress_of, status_of
from jobgate.cli.terminal.output import Output, output_options
from jobgate.cli.terminal.rows import Rows
from jobgate.cli.terminal.sheets import Sheet
from jobgate.cli.terminal.streams import say

__all__ = [
    "Bar", "Column", "Output", "Rows", "Sheet", "cell", "output_options", "progress_of", "say", "status_of",
]  # fmt: skip
