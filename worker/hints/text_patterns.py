"""Regular expressions for types that JSON holds as text.

They must mean the same to the gateway and to pydantic, which use engines of the same family.
"""

import re
from collections.abc import Sequence
from typing import Any

from jobgate.broker import KnownPattern

#: What `str_strip_whitespace` strips.
_SPACE = r"\t-\r \x85\xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
#: Looking around, references and atomic groups: no engine that runs in linear time has them.
_NOT_LINEAR = re.compile(r"\(\?(?:[=!>(|]|<[=!])|\\[1-9kG]|\(\?P[=>]|[*+?}]\+")
#: What the gateway reads as ASCII and pydantic as Unicode, in the places where that accepts more.
_NEGATED = re.compile(r"\\[DSWPp]|\[\^[^\]]*\\[dsw]")
#: pydantic's own pattern of `ByteSize`, which accepts units that it then refuses.
_BYTE_SIZE = r"^\s*(\d*\.?\d+)\s*(\w+)?"
BYTE_SIZE = r"^[0-9]+(?:\.[0-9]+)? ?(?:(?:[KMGTPEkmgtpe][Ii]?)?[Bb](?:[Ii][Tt])?)?$"

#: The formats of pydantic's `Base64Bytes` and the like -> pattern; Python demands the padding.
ENCODED = {
    "base64": KnownPattern.PADDED_BASE64.value,
    "base64url": KnownPattern.PADDED_BASE64URL.value,
}


def portable(pattern: str | None) -> str | None:
    """Return a user's pattern in a form that accepts no more in the gateway; None = there is none."""
    if pattern is None:
        return None
    if pattern == _BYTE_SIZE:
        return BYTE_SIZE
    if _NOT_LINEAR.search(pattern) or _NEGATED.search(pattern) or pattern.startswith("(?"):
        return None
    return pattern


def stripped(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of text that is stripped before it is checked."""
    if "pattern" in schema:  # it is for what is left, and cannot be applied to the whole
        return schema | {"allOf": [{"pattern": rf"^(?:[^{_SPACE}](?:[\s\S]*[^{_SPACE}])?)?$"}]}
    at_least, at_most = schema.pop("minLength", 0), schema.pop("maxLength", None)
    if not at_least and at_most is None:
        return schema
    choices = [] if at_least else [""]
    if at_least <= 1 and at_most != 0:
        choices.append(f"[^{_SPACE}]")
    if at_most is None or at_most >= 2:
        inner = f"{max(at_least - 2, 0)},{'' if at_most is None else at_most - 2}"
        choices.append(rf"[^{_SPACE}][\s\S]{{{inner}}}[^{_SPACE}]")
    return schema | {"pattern": f"^[{_SPACE}]*(?:{'|'.join(choices)})[{_SPACE}]*$"}


def base64(at_least: int | None, at_most: int | None) -> dict[str, Any]:
    """Return what describes base64, in either alphabet and with or without padding, of so many bytes."""
    made: dict[str, Any] = {"pattern": KnownPattern.BASE64.value}
    if at_least or at_most is not None:
        most = "" if at_most is None else _encoded(at_most)
        made["allOf"] = [{"pattern": f"^[^=]{{{_encoded(at_least or 0)},{most}}}=*$"}]
    return made


def _encoded(size: int) -> int:
    """Return the length of so many bytes in base64 without padding."""
    return -(-4 * size // 3)


def utf8_lengths(at_least: int | None, at_most: int | None) -> dict[str, Any]:
    """Return what describes text of so many bytes. With a limit, ASCII alone is safe."""
    made: dict[str, Any] = {} if at_least is None else {"minLength": at_least}
    return made if at_most is None else made | {"maxLength": at_most, "pattern": r"^[\x00-\x7F]*$"}


def offset(constraint: object) -> dict[str, Any]:
    """Return what describes a time with an offset, or without one."""
    if constraint == "naive":
        return {"pattern": KnownPattern.NAIVE.value}
    if constraint == "aware":
        return {"pattern": KnownPattern.AWARE.value}
    return {}


def uuid(version: int) -> str:
    """Return the pattern of a UUID of one version."""
    four = "[0-9A-Fa-f]{4}"
    versioned = f"{version}[0-9A-Fa-f]{{3}}-?[89ABab][0-9A-Fa-f]{{3}}"
    # What stands around it is left to the format.
    return rf"^(?:urn:uuid:|\{{)?{four}{four}-?{four}-?{versioned}-?{four}{four}{four}\}}?$"


def scheme(schemes: Sequence[str]) -> str:
    """Return the pattern of URLs with one of these schemes."""
    either_case = (
        "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else re.escape(c) for c in one) for one in schemes
    )
    return f"^(?:{'|'.join(either_case)}):"
