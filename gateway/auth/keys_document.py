"""The text of a keys file, changed entry by entry: comments, order and spelling of the rest stay."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Final

from jobgate.gateway.auth.key_entry import KeyEntry, entries_of, moment_text
from jobgate.gateway.settings import KeysFileError

_HEADER: Final = re.compile(r"\s*\[\[\s*key\s*\]\]\s*(#.*)?")
_COMMENT: Final = re.compile(r"\s*#.*")
_EXPIRY: Final = re.compile(r"(?P<before>\s*not_after\s*=\s*)[^#]*?(?P<after>\s*(#.*)?)")
#: What a file without keys says: the gateway takes an empty file for one that is being written.
_NOBODY: Final = "# There are no keys: no caller is admitted."


class KeysDocument:
    """A keys file that is being changed.

    Args:
        text: Its content.

    Raises:
        KeysFileError: It is not a valid keys file, or not written with [[key]] lines; the message does not
            name the file.
    """

    def __init__(self, text: str) -> None:
        #: The entries, in the order of the file.
        self.entries = entries_of(text)
        self._ending = "\r\n" if "\r\n" in text else "\n"
        self._lines = text.replace("\r\n", "\n").rstrip("\n").split("\n") if text.strip() else []
        self._check()

    @property
    def text(self) -> str:
        """The content of the file."""
        return self._ending.join([*self._lines, ""])

    def add(self, text: str) -> None:
        """Write a new entry, given as `new_key` returns it, at the end."""
        self._lines = [line for line in self._lines if line != _NOBODY]
        if self._lines:
            self._lines.append("")
        self._lines += text.splitlines()
        self.entries += entries_of(text)
        self._check()

    def remove(self, entry: KeyEntry) -> None:
        """Take an entry out. Lines that are comments stay: they are not part of any one entry."""
        start, end = self._section(entry)
        kept = [line for line in self._lines[start:end] if _COMMENT.fullmatch(line)]
        before, after = _stripped(self._lines[:start] + kept), _stripped(self._lines[end:])
        gap = [""] if before and after else []
        self._lines = [*before, *gap, *after] or [_NOBODY]
        self.entries.remove(entry)
        self._check()

    def expire(self, entry: KeyEntry, moment: datetime) -> None:
        """Let an entry expire at a moment."""
        start, end = self._section(entry)
        written = moment_text(moment)
        for at in range(start, end):
            if found := _EXPIRY.fullmatch(self._lines[at]):
                self._lines[at] = f"{found['before']}{written}{found['after']}"
                break
        else:
            # After its last member, which may have several lines, and before comments that follow it.
            last = next(at for at in reversed(range(start, end)) if _is_content(self._lines[at]))
            self._lines.insert(last + 1, f"not_after = {written}")
        self.entries[self.entries.index(entry)] = replace(entry, not_after=datetime.fromisoformat(written))
        self._check()

    def _section(self, entry: KeyEntry) -> tuple[int, int]:
        """Return the first line of an entry, its [[key]], and the line after its last one."""
        number = self.entries.index(entry)
        headers = [at for at, line in enumerate(self._lines) if _HEADER.fullmatch(line)]
        end = headers[number + 1] if number + 1 < len(headers) else len(self._lines)
        # Comments directly above a [[key]] are about that one.
        while number + 1 < len(headers) and _COMMENT.fullmatch(self._lines[end - 1]):
            end -= 1
        return headers[number], end

    def _check(self) -> None:
        """Refuse a file whose lines would not mean what was intended, before anything is written."""
        headers = sum(1 for line in self._lines if _HEADER.fullmatch(line))
        try:
            is_meant = headers == len(self.entries) and entries_of(self.text) == self.entries
        except KeysFileError:
            is_meant = False
        if not is_meant:
            raise KeysFileError("its entries are written in an unusual way: change it with an editor")


def _is_content(line: str) -> bool:
    return bool(line.strip()) and not _COMMENT.fullmatch(line)


def _stripped(lines: list[str]) -> list[str]:
    """Return lines without blank ones at both ends."""
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines
