"""Where the log of a command goes and in which form: lines for people, or one JSON object a line."""

import json
import logging
import logging.config
import sys
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

import click
import orjson

from jobgate.broker.log_text import (
    FIELD_LIMIT,
    LINE_LIMIT,
    escape_record,
    log_line,
    repr_of,
    traceback_text,
    without_secrets,
)

Command = TypeVar("Command", bound=Callable[..., Any])

#: What `--log-format` takes.
FORMATS: Final = ("text", "json")
#: A line for people, the same in all programs.
TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: What every record has; whatever else one has was added to it, and belongs into its JSON.
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

#: Longest line of JSON, in characters; of a longer one the first members are shown, and cut.
JSON_LIMIT: Final = 65_536
_MANY: Final = 50


class TextLines(logging.Formatter):
    """Writes each record as one line for people, and below it the traceback, if there is one.

    Nothing from outside, a name, a message of an exception, can begin a line or drive a terminal.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line."""
        return log_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback."""
        return traceback_text(ei[1])


class JsonLines(logging.Formatter):
    """Writes each record as one JSON object in one line, whatever is in it.

    Its members are `time` (UTC), `level`, `logger`, `message`, `exception` (a traceback) where there is one,
    and what was added with `extra=`: where a line is about a job, `job_id`, `function`, `job_try`, `queue`,
    `outcome` and `seconds`. What JSON cannot hold appears as its `repr`. A mapping that is logged as the
    message gives its own members in place of `message`, and all in ASCII.

    Args:
        members: further ones, of each line.
    """

    def __init__(self, **members: object) -> None:
        super().__init__()
        self._members = members

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            **self._members,
        }
        if isinstance(record.msg, Mapping):  # a line that is nothing but members, as the access log's
            return _escaped(json.dumps(fields | {n: _shown(value) for n, value in record.msg.items()}))
        # Lines of others, of a user's own functions for one, may be longer than a line for people.
        message = record.getMessage()
        fields["message"] = (
            log_line(message) if record.name.startswith("jobgate") else without_secrets(message)
        )
        fields |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        fields = {name: _cut(value) for name, value in fields.items()}
        if record.exc_info:
            fields["exception"] = traceback_text(record.exc_info[1])
        line = _encoded(fields)
        return line if line is not None else _encoded(_few(fields)) or "{}"


def log_options(command: Command) -> Command:
    """Give a command the options `--log-config`, `--log-format` and `-v`; `set_up_log` takes them."""
    options = (
        click.option(
            "--log-config",
            "--custom-log-dict",
            metavar="PATH",
            help="Configure logging with this JSON or TOML file, or with the dict MODULE.NAME, in place of "
            "the two options below. The names of the loggers begin with `jobgate`.",
        ),
        click.option(
            "--log-format",
            type=click.Choice(FORMATS),
            default="text",
            show_default=True,
            help="Lines for people, or one JSON object a line.",
        ),
        click.option("-v", "--verbose", is_flag=True, help="Log debugging lines too."),
    )
    for option in reversed(options):
        option(command)
    return command


def set_up_log(options: Mapping[str, Any], *, worker: str = "") -> None:
    """Configure logging as the options of `log_options` say; raises `click.BadParameter`.

    Args:
        options: of the command.
        worker: the number of this worker process, as in `log_to_stderr`.
    """
    if options["log_config"]:
        log_as_configured(options["log_config"], _load)
    else:
        log_to_stderr(options["log_format"], verbose=options["verbose"], worker=worker)


def _load(path: str) -> Any:
    from jobgate.worker import load_settings  # noqa: PLC0415 - a gateway is installed without workers

    return load_settings(path)


def log_to_stderr(form: str, *, verbose: bool, worker: str = "") -> None:
    """Send jobgate's log to standard error.

    In JSON everything else that is logged goes there in the same form: warnings, and an exception that ends
    the process, so that all lines are objects.

    Args:
        form: `text` or `json`.
        verbose: debugging lines too.
        worker: where several processes share this output, the number of this one: each line has it.
    """
    logger = logging.getLogger("jobgate")
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    if form == "text":
        name = f"%(name)s[{worker}]" if worker else "%(name)s"
        handler.setFormatter(TextLines(TEXT.replace("%(name)s", name)))
        # What asyncio tells of tasks that raised goes past the handler above.
        logging.getLogger("asyncio").addFilter(escape_record)
        logger.handlers[:] = [handler]
        logger.propagate = False
        return
    handler.setFormatter(JsonLines(worker_process=int(worker)) if worker else JsonLines())
    logging.getLogger().handlers[:] = [handler]
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


def log_as_configured(path: str, load: Callable[[str], Any]) -> None:
    """Configure logging with a dict as `logging.config.dictConfig` takes it.

    Unless it says otherwise, loggers that it does not name stay on: `jobgate`'s exist already.

    Args:
        path: a file of JSON or TOML, or `MODULE.NAME` of a dict, as arq's `--custom-log-dict`.
        load: imports `MODULE.NAME`.

    Raises:
        click.BadParameter: there is no such file or dict, or logging refuses it.
    """
    try:
        logging.config.dictConfig({"disable_existing_loggers": False} | _read(path, load))
    except (ValueError, TypeError, AttributeError, ImportError, OSError) as error:
        cause = f": {error.__cause__}" if error.__cause__ else ""
        raise click.BadParameter(f"{error}{cause}", param_hint="--log-config") from error


def fail(message: str, form: str, cause: BaseException | None = None) -> SystemExit:
    """Return what ends the command with code 1, after its message was written in the log's form.

    Args:
        message: a sentence.
        form: `text` or `json`.
        cause: an exception whose traceback comes with it.
    """
    if form == "json":
        logging.getLogger("jobgate").critical("%s", message, exc_info=cause)
        return SystemExit(1)
    if cause is not None:
        click.echo(traceback_text(cause), err=True)
    click.echo(f"Error: {log_line(message)}", err=True)
    return SystemExit(1)


def _read(path: str, load: Callable[[str], Any]) -> dict[str, Any]:
    file = Path(path)
    if file.suffix in (".json", ".toml"):
        text = file.read_text("utf-8")
        found = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    elif file.is_file():
        raise ValueError(f"{path} is neither .json nor .toml")
    else:
        found = load(path)
    if not isinstance(found, Mapping):
        raise TypeError(f"{path} is no dict")
    return dict(found)


def _encoded(fields: Mapping[str, Any]) -> str | None:
    """Return the line; None where it is too long."""
    try:
        line = orjson.dumps(fields, default=repr_of, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # lone surrogates, integers of more than 64 bits, cycles
        line = json.dumps({name: _plain(value) for name, value in fields.items()})
    # First as it is: to escape what is far too long would take seconds.
    if len(line) > JSON_LIMIT or len(line := _escaped(line)) > JSON_LIMIT:
        return None
    return line


def _escaped(line: str) -> str:
    # What some readers take for the end of a line, or for the direction of the text, JSON does not escape.
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


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    logging.getLogger("jobgate").critical("%s: %s", kind.__name__, error, exc_info=(kind, error, traceback))
