"""What a command says of an error of the client, in the words of the command line."""

import re
from typing import TYPE_CHECKING

from jobgate.cli.remote.connection import Connection

if TYPE_CHECKING:
    from jobgate.client import JobgateError


def message_of(error: "JobgateError", connection: Connection) -> str:
    """Return what is wrong, and what to do; notes of the error are lines of their own."""
    from jobgate import client  # noqa: PLC0415 - it takes longer to import than all of this

    job_id = getattr(error.job, "id", "")
    text = _in_options(str(error))
    match error:
        case client.JobFailed():
            # Further lines of it cannot pass for lines of this command.
            shown = text.replace("\n", "\n  ")
            text = f"job {job_id} failed ({error.code}): {shown}"
        case client.Unauthorized():
            text = f"{connection.shown} requires a key that it knows: set JOBGATE_KEY, or `key` in a profile."
        case client.ResultTimeout():
            again = f"jobgate result {job_id} --wait{connection.again}"
            text = f"job {job_id} has not ended, and is not stopped.\n  {again}"
        case client.JobNotFound():
            text = f"{job_id}: {text}"
        case client.OutcomeUnknown() if job_id:
            text = f"{text}\n  jobgate status {job_id}{connection.again}"
    return "\n  ".join([text, *getattr(error, "__notes__", ())])


def _in_options(text: str) -> str:
    """Replace Python's calls in a message of the client by options."""
    text = re.sub(r"Client\(url, (\w+)=…\)", lambda found: f"--{found[1].replace('_', '-')}", text)
    return re.sub(r": `job\.result\(\)` can wait for it again\.", ".", text)
