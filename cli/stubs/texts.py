"""Texts of others inside the generated module: as strings, comments and docstrings that cannot end early."""

import ast
import re
import textwrap
from collections.abc import Iterator
from typing import Final

#: Longest line of the module, as far as it can be broken.
WIDTH: Final = 88


def quoted(text: str) -> str:
    """Return a string as Python reads it, on one line."""
    plain = repr(text)
    return f'"{text}"' if plain == f"'{text}'" and '"' not in text else plain


def visible(text: str) -> str:
    """Return a text in which what cannot be seen, such as a change of the writing direction, is escaped."""
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode("ascii")
        for each in text.replace("\r\n", "\n").replace("\t", "    ")
    )


def comment(text: str, indent: str = "") -> Iterator[str]:
    """Yield the lines of a comment."""
    words = " ".join(visible(text).split())
    yield from textwrap.wrap(
        words, WIDTH, initial_indent=f"{indent}#: ", subsequent_indent=f"{indent}#: ", break_long_words=False
    )


def docstring(text: str, indent: str = "") -> list[str]:
    """Return the lines of a docstring; none for an empty text."""
    escaped = visible(text).strip().replace("\\", "\\\\").replace('"""', r"\"\"\"")
    if not escaped:
        return []
    escaped = re.sub(r'"$', r"\"", escaped)
    lines = [f"{indent}{line}".rstrip() for line in escaped.split("\n")]
    lines[0] = f'{indent}"""{escaped.split(chr(10))[0]}'.rstrip()
    return [f'{lines[0]}"""'] if len(lines) == 1 else [*lines, f'{indent}"""']


def listed(name: str, description: str) -> str:
    """Return an entry of `Args:` or, without a name, of `Returns:` in a docstring."""
    words = " ".join([f"{name}:" * bool(name), *description.split()]).strip()
    indent = " " * 8
    wrapped = textwrap.wrap(words, WIDTH - 8, subsequent_indent=indent, break_long_words=False)
    return "    " + "\n    ".join(
        line.removeprefix("    ") if line.startswith(indent) else line for line in wrapped
    )


def broken(before: str, annotation: str, after: str = "") -> list[str]:
    """Return the line that has an annotation between two texts; several if a long `X[…, …]` can be broken."""
    line = f"{before}{annotation}{after}"
    node = ast.parse(annotation, mode="eval").body
    if len(line) <= WIDTH or not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple):
        return [line]
    indent = " " * (len(before) - len(before.lstrip()))
    encoded = annotation.encode()
    items = [encoded[one.col_offset : one.end_col_offset].decode() for one in node.slice.elts]
    head = encoded[: node.slice.col_offset].decode()
    return [f"{before}{head}", *(f"{indent}    {item}," for item in items), f"{indent}]{after}"]
