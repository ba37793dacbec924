r"""Text from outside, such as a name, a result or an error: it cannot control a terminal.

The escapes are those of JSON, so that JSON which is escaped stays what it is.
"""

from typing import Final

#: Shown in place of the rest of a long text.
_CUT: Final = "…"


def escaped(text: str, *, kept: str = "") -> str:
    r"""Return text with escapes such as `\u001b` for what is not printable.

    Args:
        text: Any text.
        kept: Characters that stay as they are, such as line ends.
    """
    return text if text.isprintable() else "".join(_escape(each, kept) for each in text)


def in_one_line(text: str, limit: int) -> str:
    """Return text in one line of at most `limit` characters; a text that is cut ends with `…`."""
    line = escaped(text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + _CUT


def _escape(character: str, kept: str) -> str:
    if character.isprintable() or character in kept:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
