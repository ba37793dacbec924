"""Text from outside in logs: it cannot forge a line, control a terminal or fill a disk."""

import logging
import re
import traceback
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

#: Longest field of a line, in characters: a name, an id, a message.
FIELD_LIMIT: Final = 200
#: Longest line, without a traceback.
LINE_LIMIT: Final = 4_096
#: Longest message of an exception in a traceback, and the longest traceback.
MESSAGE_LIMIT: Final = 1_000
TRACEBACK_LIMIT: Final = 16_384
#: API keys of the gateway.
_KEY: Final = re.compile(r"jg_[A-Za-z0-9_-]{16,}")
#: User and password in a URL; passwords are not always percent-encoded.
_USER: Final = re.compile(r"(?<=://)[^\s\"'<>]{0,300}@")


class ForeignTraceback(Exception):
    """The cause of an exception from another process; its text is the `traceback_text` made there."""


def printable(text: str, limit: int = FIELD_LIMIT) -> str:
    r"""Return text in one line, with escapes such as `\n`, `\x1b` and `\u202e` for what is not printable.

    Args:
        text: Any text.
        limit: Longest result in characters; a text that is cut ends with `…`.
    """
    cut = text[: limit + 1]
    escaped = cut if cut.isprintable() else "".join(map(_escape, cut))
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Return `1 job` or `2 jobs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def without_secrets(text: str) -> str:
    """Return text without API keys and without users and passwords in URLs."""
    if "jg_" in text:
        text = _KEY.sub("jg_***", text)
    return _USER.sub("***@", text) if "://" in text else text


def log_line(text: str) -> str:
    """Return text as one line that is safe in a log, without secrets."""
    return printable(without_secrets(text[: LINE_LIMIT + 1]), LINE_LIMIT)


def repr_of(value: object) -> str:
    """Return `repr(value)`, or a replacement if that raises."""
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__} without repr>"


def traceback_text(raised: BaseException | None) -> str:
    """Return a traceback of at most `TRACEBACK_LIMIT` characters, in which no exception can forge a frame.

    Messages and notes of exceptions take one line each. A longer traceback loses its middle. Never raises,
    even if the exception's own methods do.
    """
    if raised is None:
        return ""
    try:
        lines = "".join(_formatted(raised)).rstrip("\n").split("\n")
    except (Exception, SystemExit):  # its class may define `__notes__` and the like in any way
        return f"{printable(type(raised).__name__)}: its traceback cannot be shown"
    return _without_middle([printable(without_secrets(line), MESSAGE_LIMIT) for line in lines])


def escape_record(record: logging.LogRecord) -> bool:
    """Escape a log record so that it is safe with any formatter. A logging filter that passes everything.

    For speed, lines below WARNING are not changed: the code that writes them escapes their fields.
    """
    if record.exc_info and not record.exc_text:
        record.exc_text = traceback_text(record.exc_info[1])
    if record.levelno >= logging.WARNING:
        _escape_message(record)
    return True


def _escape_message(record: logging.LogRecord) -> None:
    try:
        text = record.getMessage()
    except Exception:  # logging itself reports it
        return
    line = log_line(text)
    if line != text:
        record.msg, record.args = line, ()


def _escape(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _formatted(raised: BaseException) -> Iterator[str]:
    shown = traceback.TracebackException.from_exception(raised, compact=True)
    for each, exception in _chain(shown, raised):
        if isinstance(exception, ForeignTraceback):
            continue
        notes = getattr(each, "__notes__", None)
        if notes:
            each.__notes__ = [f"  {printable(str(note), MESSAGE_LIMIT)}" for note in notes]
        # Set on the instance: `format` calls it for each exception of the chain.
        each.format_exception_only = partial(_message_in_one_line, each)  # type: ignore[method-assign,assignment]
    return shown.format()


def _message_in_one_line(shown: traceback.TracebackException, **options: Any) -> Iterator[str]:
    # Depending on its version, Python yields the lines of a message one by one or all together.
    for text in traceback.TracebackException.format_exception_only(shown, **options):
        yield printable(text.rstrip("\n"), MESSAGE_LIMIT) + "\n"


def _chain(
    shown: traceback.TracebackException, raised: BaseException
) -> Iterator[tuple[traceback.TracebackException, BaseException | None]]:
    """Yield the parts of a traceback, each with its exception."""
    rest: list[tuple[traceback.TracebackException, BaseException | None]] = [(shown, raised)]
    while rest:
        each, exception = rest.pop()
        yield each, exception
        members = getattr(exception, "exceptions", ())
        below = [
            (each.__cause__, getattr(exception, "__cause__", None)),
            (each.__context__, getattr(exception, "__context__", None)),
            *zip(each.exceptions or (), members, strict=False),
        ]
        rest += [(one, its) for one, its in below if one is not None]


def _without_middle(lines: list[str]) -> str:
    text = "\n".join(lines)
    if len(text) <= TRACEBACK_LIMIT:
        return text
    half = TRACEBACK_LIMIT // 2 - 50
    head, tail = text[:half].rpartition("\n")[0], text[-half:].partition("\n")[2]
    return f"{head}\n  … {len(text) - len(head) - len(tail)} characters omitted …\n{tail}"
