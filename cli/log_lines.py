"""The two forms of a log: lines for people, and one JSON object a line."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from jobgate.broker import FIELD_LIMIT, LINE_LIMIT, log_line, repr_of, traceback_text, without_secrets

#: Longest line of JSON in characters; of a longer one only the first members are written, cut.
JSON_LIMIT: Final = 65_536
#: Members that such a line keeps.
_MANY: Final = 50
#: Attributes that every record has; all others were added to it and belong in its JSON.
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


#: Returns the attributes that `extra=` would add to a record.
About = Callable[[], Mapping[str, object]]


class TextLines(logging.Formatter):
    """Writes each record as one line for people, followed by the traceback where there is one.

    Text from outside, such as a name or the message of an exception, cannot start a line or control a
    terminal.

    Args:
        number: Number of this process, which each line shows after the logger's name; empty = none.
    """

    def __init__(self, number: str = "") -> None:
        super().__init__()
        self._tag = f"[{number}]" if number else ""
        #: The last second that was shown, in unix time and as text: most lines are of the same second.
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line and what follows it."""
        if record.exc_info or record.exc_text or record.stack_info:
            return super().format(record)
        return self.formatMessage(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line."""
        return self.line(record.created, record.levelname, record.name, record.getMessage())

    def line(self, unix_time: float, level: str, name: str, message: str, about: About = dict) -> str:
        """Return the line of a record with these attributes; what is `about` it is not shown."""
        second = int(unix_time)
        known, text = self._second
        if second != known:
            text = time.strftime(self.default_time_format, time.localtime(second))
            self._second = second, text
        milliseconds = int((unix_time - second) * 1000)
        return log_line(f"{text},{milliseconds:03d} {level} {name}{self._tag}: {message}")

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback."""
        return traceback_text(ei[1])


class JsonLines(logging.Formatter):
    """Writes each record as one JSON object in one line, whatever is in it.

    Its members are `time` (UTC), `level`, `logger`, `message`, `exception` (a traceback, where there is one)
    and those that were added with `extra=`: lines about a job have `job_id`, `function`, `job_try`, `queue`,
    `outcome` and `seconds`. Values that JSON cannot hold are written as their `repr`. Where the message is a
    mapping, its members take the place of `message`, all in ASCII.

    Args:
        members: Further members, the same in each line.
    """

    def __init__(self, **members: object) -> None:
        super().__init__()
        self._members = members

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        if isinstance(record.msg, Mapping):  # the access log
            fields = self._first(record.created, record.levelname, record.name)
            return _escaped(json.dumps(fields | {n: _shown(value) for n, value in record.msg.items()}))
        added = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        fields = self._fields(record.created, record.levelname, record.name, record.getMessage(), added)
        if record.exc_info:
            fields["exception"] = traceback_text(record.exc_info[1])
        return _line_of(fields)

    def line(self, unix_time: float, level: str, name: str, message: str, about: About) -> str:
        """Return the line of a record with these attributes, and those that `about` returns."""
        return _line_of(self._fields(unix_time, level, name, message, about()))

    def _first(self, unix_time: float, level: str, name: str) -> dict[str, Any]:
        time = datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds")
        return {"time": time, "level": level, "logger": name, **self._members}

    def _fields(
        self, unix_time: float, level: str, name: str, message: str, added: Mapping[str, object]
    ) -> dict[str, Any]:
        fields = self._first(unix_time, level, name)
        # Lines of other loggers, such as those of a user's functions, may be longer than a line for people.
        fields["message"] = log_line(message) if name.startswith("jobgate") else without_secrets(message)
        return {name: _cut(value) for name, value in (fields | {**added}).items()}


def _line_of(fields: dict[str, Any]) -> str:
    line = _encoded(fields)
    return line if line is not None else _encoded(_few(fields)) or "{}"


def _encoded(fields: Mapping[str, Any]) -> str | None:
    """Return the line; None where it is too long."""
    try:
        line = orjson.dumps(fields, default=repr_of, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # lone surrogates, integers of more than 64 bits, cycles
        line = json.dumps({name: _plain(value) for name, value in fields.items()})
    # The length comes first: escaping a line that is far too long would take seconds.
    if len(line) > JSON_LIMIT or len(line := _escaped(line)) > JSON_LIMIT:
        return None
    return line


def _escaped(line: str) -> str:
    # JSON leaves characters alone that some readers take for a line end or a change of the text's direction.
    return line if line.isprintable() else "".join(map(_escape, line))


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _few(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cut(_plain(value), FIELD_LIMIT) for name, value in list(fields.items())[:_MANY]}


def _cut(value: object, limit: int = LINE_LIMIT) -> object:
    return value[: limit - 1] + "…" if isinstance(value, str) and len(value) > limit else value


def _shown(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else repr_of(value)


def _plain(value: object) -> object:
    return value if isinstance(value, str | None) else repr_of(value)
