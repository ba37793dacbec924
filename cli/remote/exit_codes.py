"""Exit codes of the commands that call a gateway or Redis."""

import os
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobgate.client import JobgateError


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    JOB_FAILED = 1
    WRONG_USE = 2
    REFUSED = 3
    UNAVAILABLE = 4
    NOT_FINISHED = 5
    #: The group of all commands ends so, as standard output may be of any of them.
    UNWRITABLE_OUTPUT = os.EX_IOERR
    INTERRUPTED = 130
    CLOSED_PIPE = 141


def exit_code_of(error: "JobgateError") -> ExitCode:
    """Return the exit code for an error of the client."""
    from jobgate import client  # noqa: PLC0415 - it takes longer to import than all of this

    match error:
        case client.JobFailed():
            return ExitCode.JOB_FAILED
        case client.InvalidOption() | client.MissingExtra() | client.NeedsGateway():
            return ExitCode.WRONG_USE
        case client.ResultTimeout():
            return ExitCode.NOT_FINISHED
        # JobLost: it may have run.
        case (
            client.GatewayUnavailable() | client.JobLost() | client.RateLimited() | client.UnexpectedAnswer()
            | client.UntrustedGateway()
        ):  # fmt: skip
            return ExitCode.UNAVAILABLE
    return ExitCode.REFUSED
