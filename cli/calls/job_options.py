"""How a job is run: the options of the client's `enqueue`, as options of the command line."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Final

import click

from jobgate.cli.duration import DURATION
from jobgate.cli.option import Body, Option, option, with_options

_SECTION: Final = "Job"


class _Moment(click.ParamType):  # type: ignore[type-arg]
    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is not a time such as 2030-12-24T18:00, which is local, or 2030-12-24T17:00Z."
            )


def _of_job(*names: str, **attributes: Any) -> Option:
    return option(*names, section=_SECTION, envvar=(), **attributes)


_ID: Final = _of_job(
    "--id",
    "job_id",
    metavar="ID",
    help="Id of the job: 1 to 128 letters, digits or characters of `_.~-`. While a job with this id or its "
    "result exists, the same command makes no second one.  [default: random]",
)
_FURTHER: Final = (
    _of_job("--queue", metavar="NAME", help="Its queue.  [default: the gateway's]"),
    _of_job(
        "--expires",
        type=DURATION,
        metavar="DURATION",
        help="How long it may wait to be started.  [default: 24h]",
    ),
    _of_job("--max-tries", type=click.IntRange(min=1), metavar="N", help="How often it may be started."),
    _of_job("--run-timeout", type=DURATION, metavar="DURATION", help="How long one try may run."),
    _of_job(
        "--keep-result",
        type=DURATION,
        metavar="DURATION",
        help="How long its result can be read; 0 = not at all.",
    ),
)
_DEFERRALS: Final = (
    _of_job("--defer", "defer_by", type=DURATION, metavar="DURATION", help="Start it after this time."),
    _of_job(
        "--at",
        "defer_until",
        type=_Moment(),
        metavar="TIME",
        help="Start it at this time, such as 2030-12-24T18:00 (local time) or 2030-12-24T17:00Z.",
    ),
)


def job_options(*, can_defer: bool) -> Callable[[Body], Body]:
    """Return a decorator that gives a command the options of a job; it gets them as `options`.

    Args:
        can_defer: Whether the job may start later.
    """
    added = (_ID, *(_DEFERRALS if can_defer else ()), *_FURTHER)

    def decorator(function: Body) -> Body:
        @wraps(function)
        def command(*args: Any, **given: Any) -> Any:
            values = {name: given.pop(name) for name in _names(added)}
            options: Any = {name: value for name, value in values.items() if value is not None}
            return function(*args, options=options, **given)

        return with_options(command, added)

    return decorator


def _names(options: tuple[Option, ...]) -> "list[str]":
    """Return the names of options in Python; those of the client are the same."""
    return [each.names[-1].removeprefix("--").replace("-", "_") for each in options]
