"""JSON that is kept exactly, or refused.

orjson reads fast, but it turns integers beyond 64 bits into floats, lets the last of two equal members
win, and reads deeper than it can write. What would come back changed is refused here, before anything
is stored. Every check is first a cheap look at the bytes, in C; the careful second pass runs only when
that look is not enough. Each takes time in proportion to the bytes, whatever they are.
"""

import re
from typing import Any

import orjson

from jobgate.gateway.http.problems import Problem

#: Levels of arrays and objects in one body. orjson reads 1,024 and writes 254.
MAX_DEPTH = 64
#: Values in one body: a wide document costs the worker, too.
MAX_NODES = 100_000

#: A string, or one that never ends: the bytes may not be JSON, as orjson reads them last. Possessive, so that
#: nothing is looked at twice; without, one quote and many escapes would be looked at from each of them.
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_INTEGER = re.compile(rb"(?<![0-9.eE+-])-?[0-9]{19,}(?![0-9.eE])")
#: How form fields begin, which `curl -d a=b` and forms send.
_FORM_FIELD = re.compile(rb"[\w.~%+*&-]*+=")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_BRACES_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")


def read_json(body: bytes, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> Any:
    """The document in `body`.

    Raises `Problem` `malformed-json` (400) when it is not JSON in UTF-8, and `invalid-json` (422) when it
    is too deep or too wide, or would not come back as it was sent.
    """
    _check_shape(body, max_depth, max_nodes)
    _check_integers(body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _malformed(body, error) from None
    _check_members(body, document)
    return document


def _check_shape(body: bytes, max_depth: int, max_nodes: int) -> None:
    opened = body.count(b"[") + body.count(b"{")
    if opened <= max_depth and len(body) <= max_nodes:
        return
    if opened <= max_depth and body.count(b",") + opened < max_nodes:
        return
    skeleton = STRING.sub(b"", body)
    opened = skeleton.count(b"[") + skeleton.count(b"{")
    if opened + skeleton.count(b",") >= max_nodes:
        raise Problem("invalid-json", f"The body holds more than {max_nodes} values.")
    if opened > max_depth and _is_deeper(skeleton, max_depth):
        raise Problem("invalid-json", f"The body is nested deeper than {max_depth} levels.")


def _is_deeper(skeleton: bytes, max_depth: int) -> bool:
    # Each round takes the innermost pairs away, so there are as many rounds as levels.
    brackets = skeleton.translate(_BRACES_TO_BRACKETS, _NOT_BRACKETS)
    for _ in range(max_depth):
        rest = brackets.replace(b"[]", b"")
        if len(rest) == len(brackets):
            # Pairs do not match: orjson says where.
            return False
        brackets = rest
    return b"[]" in brackets


def _check_integers(body: bytes) -> None:
    if _LONG_NUMBER.search(body) is None:
        return
    for number in _INTEGER.finditer(STRING.sub(b'""', body)):
        digits = number.group()
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
            raise Problem("invalid-json", "The body holds an integer beyond 64 bits: send it as a string.")


def _check_members(body: bytes, document: Any) -> None:
    # A colon ends each member's name, and others are inside strings that come back as they were.
    # When a member was dropped for a later one of the same name, colons are missing. Only `\u003a` would
    # hide one, so bodies with such escapes are looked at member by member.
    if b"\\u" not in body and orjson.dumps(document).count(b":") == body.count(b":"):
        return
    if _count_members(document) != STRING.sub(b'""', body).count(b":"):
        raise Problem("invalid-json", "An object in the body holds two members of one name.")


def _count_members(document: Any) -> int:
    members = 0
    pending = [document]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            members += len(node)
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return members


def _malformed(body: bytes, error: orjson.JSONDecodeError) -> Problem:
    if body.startswith(b"\xef\xbb\xbf"):
        return Problem("malformed-json", "The body begins with a byte order mark: leave it out.")
    if _FORM_FIELD.match(body):
        return Problem("malformed-json", "The body has to be JSON: form fields are not read.")
    return Problem(
        "malformed-json", f"The body is not JSON in UTF-8 (line {error.lineno}, column {error.colno})."
    )
