"""Reads JSON that can be stored exactly, and refuses other JSON.

orjson is fast, but it turns integers beyond 64 bits into floats, keeps only the last of two members with the
same name, and reads deeper nesting than it can write. A document that would come back changed is refused
here, before anything is stored. Each check first takes a cheap look at the bytes, in C; a careful second pass
runs only if that does not suffice. Both take time linear in the number of bytes, whatever they are.
"""

import re
from typing import Any

import orjson

from jobgate.gateway.http.problems import Problem

#: Levels of arrays and objects in one body. orjson reads 1,024 levels and writes 254.
MAX_DEPTH = 64
#: Values in one body: each costs time and memory in the worker, too.
MAX_NODES = 100_000

#: A string, or one that is not closed, since orjson checks the syntax last. The quantifiers are possessive:
#: with backtracking, a quote followed by many escapes would take quadratic time.
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
#: Searching for this, with all digits turned into zeros, takes a tenth of the time of a regular expression.
_LONG_NUMBER, _TO_ZEROS = b"0" * 19, bytes.maketrans(b"123456789", b"0" * 9)
_INTEGER = re.compile(rb"(?<![0-9.eE+-])-?[0-9]{19,}(?![0-9.eE])")
#: The beginning of form fields, as `curl -d a=b` and HTML forms send them.
_FORM_FIELD = re.compile(rb"[\w.~%+*&-]*+=")
_BACKSLASH = ord("\\")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_BRACES_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")


def read_json(body: bytes, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> Any:
    """Return the document in `body`.

    Raises:
        Problem: 400 `malformed-json` if it is not JSON in UTF-8; 422 `invalid-json` if it is nested too deep,
            has too many values, or cannot be stored exactly.
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
        raise Problem("invalid-json", f"The body has more than {max_nodes} values.")
    if opened > max_depth and _is_deeper(skeleton, max_depth):
        raise Problem("invalid-json", f"The body is nested deeper than {max_depth} levels.")


def _is_deeper(skeleton: bytes, max_depth: int) -> bool:
    # Each round removes the innermost pairs, so there are as many rounds as levels.
    brackets = skeleton.translate(_BRACES_TO_BRACKETS, _NOT_BRACKETS)
    for _ in range(max_depth):
        rest = brackets.replace(b"[]", b"")
        if len(rest) == len(brackets):
            # Brackets do not match: orjson reports where.
            return False
        brackets = rest
    return b"[]" in brackets


def _check_integers(body: bytes) -> None:
    if _LONG_NUMBER not in body.translate(_TO_ZEROS):
        return
    for number in _INTEGER.finditer(STRING.sub(b'""', body)):
        digits = number.group()
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
            raise Problem("invalid-json", "The body has an integer beyond 64 bits: send it as a string.")


def _check_members(body: bytes, document: Any) -> None:
    # There is a colon after the name of each member; all others are in strings, which come back unchanged. If
    # a member was dropped in favour of a later one, a colon is missing. Only `\u003a` could hide that, so the
    # members of bodies with such escapes are counted one by one.
    has_escapes = _BACKSLASH in body and b"\\u" in body
    if not has_escapes and orjson.dumps(document).count(b":") == body.count(b":"):
        return
    if _count_members(document) != STRING.sub(b'""', body).count(b":"):
        raise Problem("invalid-json", "An object in the body has two members with the same name.")


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
        return Problem("malformed-json", "The body begins with a byte order mark: remove it.")
    if _FORM_FIELD.match(body):
        return Problem("malformed-json", "The body must be JSON: form fields are not accepted.")
    return Problem(
        "malformed-json", f"The body is not JSON in UTF-8 (line {error.lineno}, column {error.colno})."
    )
