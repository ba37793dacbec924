"""Standard output and standard error."""

import importlib.util
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from jobgate.cli.terminal.text import escaped

if TYPE_CHECKING:
    from rich.console import Console


def has_rich() -> bool:
    """Whether Rich is installed, which is in the extra `cli`."""
    return importlib.util.find_spec("rich") is not None


def write(data: bytes) -> None:
    """Write to standard output at once, whatever encoding it has."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_text(text: str) -> None:
    """Write a line of text to standard output; what its encoding lacks is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    write(f"{text}\n".encode(encoding, "backslashreplace"))


def say(text: str) -> None:
    """Write a line for people to standard error."""
    encoding = sys.stderr.encoding or "utf-8"
    line = escaped(text, kept="\n").encode(encoding, "backslashreplace").decode(encoding)
    with suppress(OSError):  # nobody reads it, or its disk is full
        # A bar that is shown replaces `sys.stderr`, to keep itself below all lines.
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def console(stream: TextIO) -> "Console":
    """Return a console of Rich for a stream, which takes no text for markup and highlights nothing."""
    from rich.console import Console  # noqa: PLC0415 - it takes a tenth of a second

    return Console(file=stream, markup=False, emoji=False, highlight=False, soft_wrap=False)
