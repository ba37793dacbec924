"""Calls from the command line: their arguments, their options, and the wait for their results."""

from jobgate.cli.calls.arguments import Arguments, CallCommand, argument_options
from jobgate.cli.calls.each import Each
from jobgate.cli.calls.each_line import EachLine
from jobgate.cli.calls.each_options import EachOptions, each_options
from jobgate.cli.calls.function_argument import FUNCTION, FUNCTION_OR_PATTERN
from jobgate.cli.calls.job_options import job_options
from jobgate.cli.calls.waiting import called, existing, wait_for, wait_option

__all__ = [
    "FUNCTION", "FUNCTION_OR_PATTERN", "Arguments", "CallCommand", "Each", "EachLine", "EachOptions",
    "argument_options", "called",
    "each_options", "existing", "job_options", "wait_for", "wait_option",
]  # fmt: skip
