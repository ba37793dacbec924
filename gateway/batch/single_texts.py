"""Takes an array of jobs apart into the text of each, so that an invalid one does not affect the others."""

import re
from typing import Final

from jobgate.gateway.http import MAX_NODES, STRING

_HEAD: Final = re.compile(rb'\s*+\{\s*+"jobs"\s*+:\s*+\[')
_TAIL: Final = re.compile(rb"\]\s*+\}\s*+\Z")
#: What decides where a job ends. Strings are matched to be skipped.
_TOKEN: Final = re.compile(STRING.pattern + rb"|[\[\]{},]", re.DOTALL)
_OPENING: Final = frozenset({b"[", b"{"})
_CLOSING: Final = frozenset({b"]", b"}"})


def single_texts(body: bytes) -> list[bytes] | None:
    """Return the texts of the jobs, which need not be valid.

    Args:
        body: An object whose only member is `jobs`.

    Returns:
        The texts; None if it is no such object, or has too many values.
    """
    if sum(map(body.count, (b"[", b"{", b","))) > MAX_NODES:
        return None
    head, tail = _HEAD.match(body), _last(body)
    if head is None or tail is None or tail.start() < head.end():
        return None
    return _split(body[head.end() : tail.start()])


def _last(body: bytes) -> "re.Match[bytes] | None":
    return _TAIL.match(body, max(body.rfind(b"]"), 0))


def _split(text: bytes) -> list[bytes] | None:
    """Split at the commas that are in no brackets; None = a bracket is closed that was not opened."""
    texts, start, depth = [], 0, 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in _OPENING:
            depth += 1
        elif token in _CLOSING:
            depth -= 1
            if depth < 0:
                return None
        elif token == b"," and depth == 0:
            texts.append(text[start : match.start()])
            start = match.end()
    return [*texts, text[start:]]
