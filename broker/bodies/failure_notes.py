"""Notes of failures, which stay as long as the results: lists and counts of failed jobs read them instead.

A note is a JSON array: function, type of the error, code, owner of the job.
"""

import json
from dataclasses import dataclass
from typing import Final

from jobgate.broker.records import UNKNOWN_FAILURE, FailureCode, JobResult

#: Most characters of the type of an error that are kept, compared and shown.
LONGEST_TYPE: Final = 200

_CODES: Final = frozenset(FailureCode)


@dataclass(frozen=True, slots=True)
class FailureNote:
    """Which job failed, and why, in short."""

    function: str
    #: The beginning of the name of the exception's class.
    type: str
    code: FailureCode
    #: Name of the key that enqueued the job; None = enqueued without a key.
    owner: str | None


def encode_failure_note(result: JobResult) -> str:
    """Return the note of a result; empty if the job succeeded."""
    if result.success:
        return ""
    failure = result.failure or UNKNOWN_FAILURE
    note = [result.function, failure.type[:LONGEST_TYPE], failure.code.value, result.options.owner]
    return json.dumps(note, separators=(",", ":"))  # any text can be written so, lone surrogates too


def failure_note(stored: bytes) -> FailureNote | None:
    """Return a stored note; None = something else wrote it."""
    try:
        function, kind, code, owner = json.loads(stored)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (function, kind, code, owner or "")
    if not all(isinstance(text, str) for text in texts) or code not in _CODES:
        return None
    return FailureNote(function, kind, FailureCode(code), owner or None)
