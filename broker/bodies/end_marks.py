"""Marks that stay for some seconds after a job ended whose result is not kept.

A mark is `<token of the last lease> <note><SHA-1 of the body>`, without a token if the job never ran. The
note of an aborted job is `abort <its owner> `, so that a repeated abort gets the same answer.
"""

from dataclasses import dataclass

from jobgate.broker.records import JobResult

_ABORT = "abort "


@dataclass(frozen=True, kw_only=True, slots=True)
class AbortMark:
    """The mark of an aborted job whose result is not kept."""

    #: Name of the key that enqueued it.
    owner: str | None


def note_of_abort(owner: str | None) -> str:
    """Return the note of an aborted job; `owner` is the name of the key that enqueued it."""
    return f"{_ABORT}{owner} " if owner else _ABORT


def note_of(result: JobResult) -> str:
    """Return the note of a job that has ended; empty unless it was aborted."""
    return note_of_abort(result.options.owner) if result.is_aborted else ""


def abort_mark(mark: bytes) -> AbortMark | None:
    """Return the decoded mark of an aborted job, or None for any other mark."""
    text = mark.decode(errors="surrogateescape")
    note = text if text.startswith(_ABORT) else text.partition(" ")[2]
    if not note.startswith(_ABORT):
        return None
    return AbortMark(owner=note.removeprefix(_ABORT).rpartition(" ")[0] or None)
