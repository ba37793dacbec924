"""Where the log of a command goes and in which form: lines for people, or one JSON object a line."""

import json
import logging
import logging.config
import sys
import tomllib
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

import click
import orjson

Command = TypeVar("Command", bound=Callable[..., Any])

#: What `--log-format` takes.
FORMATS: Final = ("text", "json")
#: A line for people, the same in all programs.
TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: What every record has; whatever else one has was added to it, and belongs into its JSON.
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

#: Characters that JSON allows in a text and that some readers take for the end of a line.
_LINE_ENDS: Final = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}


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
            return json.dumps(fields | {name: _shown(value) for name, value in record.msg.items()})
        fields["message"] = record.getMessage()
        fields |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _encoded(fields)


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
        handler.setFormatter(logging.Formatter(TEXT.replace("%(name)s", name)))
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
        click.echo("".join(traceback.format_exception(cause)), err=True, nl=False)
    click.echo(f"Error: {message}", err=True)
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


def _encoded(fields: Mapping[str, Any]) -> str:
    try:
        line = orjson.dumps(fields, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
        return line.translate(_LINE_ENDS)
    except TypeError:  # lone surrogates, integers of more than 64 bits, cycles
        return json.dumps({name: _plain(value) for name, value in fields.items()})


def _shown(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else repr(value)


def _plain(value: object) -> object:
    return value if isinstance(value, str | None) else repr(value)


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    logging.getLogger("jobgate").critical("%s: %s", kind.__name__, error, exc_info=(kind, error, traceback))
