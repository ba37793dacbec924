"""Marks: what tells one state of a job from another without its arguments and its result."""

from typing import Any

#: Two looks at a job with equal marks show the same. To be compared, and for nothing else.
JobMark = tuple[Any, ...]

_TAIL = 256


def mark_of(blob: bytes | None) -> bytes | None:
    """The mark of a stored value, as `view.lua` makes it where it is asked to be brief."""
    return b"%d:%s" % (len(blob), blob[-_TAIL:]) if blob else blob


def mark_of_result(blob: bytes) -> JobMark:
    """The mark of a job that has ended with this stored result."""
    return "complete", mark_of(blob)


def size_of(mark: JobMark) -> int:
    """Bytes of the stored job, or of its result once it has ended; 0 where there is none."""
    stored = mark[1] if mark else None
    return int(stored.partition(b":")[0]) if stored else 0
