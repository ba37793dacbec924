"""Where the log of a command goes, and in which form."""

import json
import logging
import logging.config
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import click

from jobgate.broker import escape_record, log_line, traceback_text
from jobgate.cli.log_lines import JsonLines, TextLines
from jobgate.cli.log_stream import LogStream
from jobgate.cli.option import Body, option
from jobgate.cli.options.environment import warnings_of_environment

_SECTION: Final = "Logging"
logger = logging.getLogger("jobgate")

LOG_CONFIG: Final = option(
    "--log-config",
    "--custom-log-dict",
    section=_SECTION,
    metavar="PATH",
    help="Configure logging with this JSON or TOML file, or with the dict MODULE.NAME, instead of the "
    "options below. The names of jobgate's loggers begin with `jobgate`.",
)
LOG_FORMAT: Final = option(
    "--log-format",
    section=_SECTION,
    type=click.Choice(["text", "json"]),
    default="text",
    help="Lines for people, or one JSON object a line.",
)
VERBOSE: Final = option(
    "-v", "--verbose", section=_SECTION, is_flag=True, help="Log debug lines of jobgate's loggers too."
)
LOG_ARGUMENTS: Final = option(
    "--log-arguments/--no-log-arguments",
    section=_SECTION,
    default="yes",
    help="Whether the log shows the arguments of jobs.",
).of_settings()
ACCESS_LOG: Final = option(
    "--access-log", section=_SECTION, is_flag=True, help="Log one JSON line for each request."
)


def log_options(command: Body) -> Body:
    """Give a command the options that `set_up_log` takes."""
    return LOG_CONFIG(LOG_FORMAT(VERBOSE(command)))


def set_up_log(options: dict[str, Any], *, number: str = "", program: str = "worker") -> str:
    """Take the options of `log_options` out of all options, and configure logging by them.

    Args:
        options: All options of the command.
        number: Number of this process, which each line then shows; empty where it is the only one.
        program: What it is a process of, `worker` or `gateway`.

    Returns:
        The log's format, `text` or `json`.

    Raises:
        click.BadParameter: The value of --log-config cannot be used.
    """
    path, form, verbose = (options.pop(name) for name in ("log_config", "log_format", "verbose"))
    if path:
        _log_as_configured(path)
    else:
        members = {f"{program}_process": int(number)} if number else {}
        _log_to_stderr(form, verbose=verbose, number=number, members=members)
    for warning in warnings_of_environment():
        logger.warning("%s", warning)
    return str(form)


def fail(message: str, form: str, cause: BaseException | None = None) -> SystemExit:
    """Write why a command fails, in the log's form, and return the exception that ends it with code 1.

    Args:
        message: A sentence.
        form: `text` or `json`.
        cause: An exception whose traceback is written too.
    """
    if form == "json":
        logger.critical("%s", message, exc_info=cause)
    else:
        trace = "" if cause is None else f"{traceback_text(cause)}\n"
        click.echo(f"{trace}Error: {log_line(message)}", err=True)
    return SystemExit(1)


def _log_to_stderr(form: str, *, verbose: bool, number: str, members: Mapping[str, int]) -> None:
    """Send jobgate's log to standard error.

    In JSON all other lines are written there in the same form, warnings and the exception that ends the
    process included, so that each line is an object.
    """
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    handler = LogStream(sys.stderr)
    if form == "text":
        handler.setFormatter(TextLines(number))
        # asyncio's lines about tasks that raised do not pass the handler above.
        logging.getLogger("asyncio").addFilter(escape_record)
        logger.handlers[:] = [handler]
        logger.propagate = False
        return
    handler.setFormatter(JsonLines(**members))
    logging.getLogger().handlers[:] = [handler]
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    logger.critical("%s: %s", kind.__name__, error, exc_info=(kind, error, traceback))


def _log_as_configured(path: str) -> None:
    """Configure logging with a dict for `logging.config.dictConfig`, from a file or a module.

    Loggers that it does not name stay enabled, unless it says otherwise: jobgate's exist already.
    """
    try:
        logging.config.dictConfig({"disable_existing_loggers": False} | _read(path))
    except (ValueError, TypeError, AttributeError, ImportError, OSError) as error:
        cause = f": {error.__cause__}" if error.__cause__ else ""
        raise click.BadParameter(f"{error}{cause}", param_hint="--log-config") from error


def _read(path: str) -> dict[str, Any]:
    file = Path(path)
    if file.suffix in (".json", ".toml"):
        text = file.read_text("utf-8")
        found = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    elif file.is_file():
        raise ValueError(f"{path} is neither .json nor .toml")
    else:
        from jobgate.worker import load_settings  # noqa: PLC0415 - a gateway is installed without workers

        found = load_settings(path)
    if not isinstance(found, Mapping):
        raise TypeError(f"{path} is not a dict")
    return dict(found)
