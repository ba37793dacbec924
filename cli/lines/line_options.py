"""Options of a command that makes a job of each line of standard input."""

import re
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import wraps
from typing import Any, Final

import click

from jobgate.cli.calls import wait_option
from jobgate.cli.option import Body, Option, option, with_options

_PREFIX: Final = re.compile(r"[A-Za-z0-9_.~-]{1,100}")


@dataclass(frozen=True, kw_only=True, slots=True)
class LineOptions:
    """How lines become jobs."""

    #: Beginning of the ids; None = random ids.
    id_prefix: str | None
    #: Whether a line is text, also where it is JSON.
    is_text: bool
    #: How many lines to leave out.
    skip: int
    #: Whether to wait for the results, for how many jobs at the same time, and for how long each.
    waits: bool
    concurrency: int
    timeout: timedelta | None


def _of_lines(*names: str, **attributes: Any) -> Option:
    return option(*names, section="Lines", envvar=(), **attributes)


def _checked(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _PREFIX.fullmatch(value):
        raise click.BadParameter("give 1 to 100 of the characters A-Z a-z 0-9 _ . ~ -")
    return value


_OPTIONS: Final = (
    _of_lines(
        "--each",
        "is_each",
        is_flag=True,
        help="Make a job of each line of standard input. A JSON object gives arguments by name, an array "
        "several by position, any other line is one argument. Arguments on the command line are for all.",
    ),
    _of_lines("--text", "is_text", is_flag=True, help="Each line is a text, even if it is JSON."),
    _of_lines(
        "--id-prefix",
        metavar="PREFIX",
        callback=_checked,
        help="Make the ids of PREFIX and a digest of the line. The same command then does the rest after "
        "Ctrl-C: equal lines are one job, while that or its result exists.",
    ),
    _of_lines(
        "--skip", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out the first N lines."
    ),
    _of_lines(
        "--wait",
        "waits",
        is_flag=True,
        help="Wait for the results; in a pipe each is written as it comes, with the number of its line.",
    ),
    _of_lines(
        "--concurrency",
        type=click.IntRange(1, 256),
        default=32,
        metavar="N",
        help="With --wait: at most N jobs at the same time.",
    ),
    wait_option,
)


def line_options(function: Body) -> Body:
    """Give a command these options; it gets a `LineOptions` as `lines`, None without `--each`."""

    @wraps(function)
    def command(*args: Any, is_each: bool, **given: Any) -> Any:
        values = {each.name: given.pop(each.name) for each in fields(LineOptions)}
        context = click.get_current_context()
        if is_each:
            return function(*args, lines=LineOptions(**values), **given)
        for parameter in context.command.params:
            source = context.get_parameter_source(parameter.name or "")
            if parameter.name in values and source is click.core.ParameterSource.COMMANDLINE:
                advice = (
                    " `jobgate call` waits for one job." if parameter.name in {"waits", "timeout"} else ""
                )
                raise click.UsageError(f"{parameter.opts[0]} is for --each.{advice}")
        return function(*args, lines=None, **given)

    return with_options(command, _OPTIONS)
