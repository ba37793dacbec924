"""What a command says of an error of the client, in the words of the command line."""

import re
from typing import TYPE_CHECKING

from jobgate.cli.remote.connection import Connection

if TYPE_CHECKING:
    from jobgate.client import JobgateError


def message_of(error: "JobgateError", connection: Connection) -> str:
    """Return what is wrong, and what to do."""
    from jobgate import client  # noqa: PLC0415 - it takes longer to import than all of this

    job_id = getattr(error.job, "id", "")
    text = _in_options(str(error))
    match error:
        case client.JobFailed():
            text = f"job {job_id} failed ({error.code}): {text}"
        case client.Unauthorized():
            text = f"{connection.shown} requires a key that it knows: set JOBGATE_KEY, or `key` in a profile."
        case client.ResultTimeout():
            text = f"{text}\n  jobgate result {job_id} --wait{connection.again}"
        case client.JobNotFound():
            text = f"{job_id}: {text}"
        case client.OutcomeUnknown() if job_id:
            text = f"{text}\n  jobgate status {job_id}{connection.again}"
    return text


def hint_for(error: "JobgateError") -> str:
    """Return a further line that helps whoever has written the arguments by hand; empty where none does."""
    from jobgate.client import InvalidArguments  # noqa: PLC0415 - as above

    is_text_wanted = isinstance(error, InvalidArguments) and "must be a string" in str(error)
    return "\n  A number is written as text like this: '\"7\"'" if is_text_wanted else ""


def _in_options(text: str) -> str:
    """Replace Python's calls in a message of the client by options."""
    text = re.sub(r"Client\(url, ca_file=…\)", "--ca-file", text)
    return re.sub(r": `job\.result\(\)` can wait for it again\.", ".", text)
