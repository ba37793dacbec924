"""Where a page of a list of jobs begins: the cursors of `GET /jobs`."""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Part(StrEnum):
    """A part of a list of jobs, by the letter that stands for it in cursors."""

    #: Jobs that wait or run, by due time.
    WAITING = "w"
    #: Finished jobs, found through the indexes, newest first.
    FINISHED = "f"
    #: Jobs that wait or run, by due time, and finished ones, by the time of their end: the latest first.
    NEWEST = "n"
    #: Results found by a scan of all keys, in no order.
    SCANNED = "s"


_CURSOR = re.compile("[wfns]([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2,3})?")


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a list, and where in it the next page begins."""

    part: Part
    #: The broker's own cursor; empty = at the beginning of the part.
    cursor: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the place that a cursor names, one that `why_not_cursor` accepts."""
        cursor = base64.urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))
        return cls(Part(text[0]), cursor.decode(errors="surrogateescape"))

    def __str__(self) -> str:
        """Return the cursor: only characters that a URL can hold as they are."""
        cursor = base64.urlsafe_b64encode(self.cursor.encode(errors="surrogateescape"))
        return self.part.value + cursor.decode().rstrip("=")


def why_not_cursor(text: str) -> str | None:
    """Return why this is not a cursor; None = it may be one."""
    wrong = "A cursor must be the next_cursor of another page."
    if text == "":
        return None
    if _CURSOR.fullmatch(text) is None:
        return wrong
    try:
        Place.read(text)
    except (binascii.Error, ValueError):
        return wrong
    return None
