"""Calls from the command line: their arguments, their options, and the wait for their results."""

from jobgate.cli.calls.arguments import Arguments, CallCommand, argument_options
from jobgate.cli.calls.function_argument import FUNCTION, FUNCTION_OR_PATTERN
from jobgate.cli.calls.job_options import job_options
from jobgate.cli.calls.values import json_or_text
from jobgate.cli.calls.waiting import called, existing, explained, wait_for, wait_option

__all__ = [
    "FUNCTION", "FUNCTION_OR_PATTERN", "Arguments", "CallCommand", "argument_options", "called", "existing",
    "explained", "job_options", "json_or_text", "wait_for", "wait_option",
]  # fmt: skip
