"""What is left, for some seconds, of a job that has ended and whose result is not kept.

A mark is `<token of the last lease> <note><SHA-1 of the body>`; a job that never ran has no token there. The
note of a job that ended as aborted is `abort <its owner> `: a repeated abort is answered as the first one.
"""

from jobgate.broker.records import AbortMark, JobResult

_ABORT = "abort "


def note_of_abort(owner: str | None) -> str:
    """Return the note of an aborted job; `owner` is the name of the key of whoever enqueued it."""
    return f"{_ABORT}{owner} " if owner else _ABORT


def note_of(result: JobResult) -> str:
    """Return the note of a job that has ended, empty unless it ended as aborted."""
    return note_of_abort(result.options.owner) if result.is_aborted else ""


def abort_mark(mark: bytes) -> AbortMark | None:
    """Read a mark; None = it is none, or not of a job that ended as aborted."""
    text = mark.decode(errors="surrogateescape")
    note = text if text.startswith(_ABORT) else text.partition(" ")[2]
    if not note.startswith(_ABORT):
        return None
    return AbortMark(owner=note.removeprefix(_ABORT).rpartition(" ")[0] or None)
