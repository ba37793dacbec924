"""Values on the command line: what is JSON is read as JSON, all other text is text."""

import json
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

import click

#: Words that stand for what is in standard input.
STANDARD_INPUT: Final = ("-", "@-")


def value_of(word: str) -> Any:
    """Return the value that a word means.

    Args:
        word: JSON, or any other text; `@FILE` stands for what is in a file, `-` or `@-` for standard input.

    Raises:
        click.UsageError: The file cannot be read.
    """
    if word in STANDARD_INPUT:
        return json_or_text(_content(None))
    return json_or_text(_content(word[1:]) if word.startswith("@") and len(word) > 1 else word)


def json_of(option: str, word: str, kind: type) -> Any:
    """Return the JSON of an option, which may be in a file as well.

    Raises:
        click.UsageError: It is not JSON of this kind.
    """
    value = value_of(word)
    if isinstance(value, kind):
        return value
    wanted = "array, such as '[1, 2]'" if kind is list else "object, such as '{\"a\": 1}'"
    raise click.UsageError(f"{option} must be a JSON {wanted}.")


def json_or_text(text: str) -> Any:
    """Return the value of a text that is JSON, else the text."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and infinities are not JSON


def _content(name: str | None) -> str:
    """Return the text of a file; of standard input where there is no name."""
    try:
        data = sys.stdin.buffer.read() if name is None else Path(name).read_bytes()
        return data.decode("utf-8-sig")  # some editors begin a file with a signature
    except OSError as error:
        raise click.UsageError(
            f"{name} cannot be read: {error.strerror}. To pass the text itself, quote it as JSON: "
            f"'\"@{name}\"'."
        ) from None
    except UnicodeDecodeError:
        where = name or "Standard input"
        raise click.UsageError(f"{where} is not text in UTF-8: pass it in base64, or its path.") from None
