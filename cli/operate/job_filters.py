"""The options with which commands choose jobs, and the queues that are meant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from jobgate.cli.operate.moments import MOMENT
from jobgate.cli.option import Body, Option, option, with_options
from jobgate.cli.terminal import say

if TYPE_CHECKING:
    from jobgate.client import Client

_SECTION: Final = "Which jobs"
_OPEN: Final = ("deferred", "queued", "in_progress")
_STATUSES: Final = (*_OPEN, "complete")
_CODES: Final = (
    "error", "timeout", "aborted", "expired", "max-tries", "unknown-function", "invalid-arguments",
    "lost-body", "unserialisable-result",
)  # fmt: skip

_QUEUES: Final = option(
    "--queue",
    "queues",
    section=_SECTION,
    envvar=(),
    multiple=True,
    metavar="NAME",
    help="Only jobs of this queue; may be repeated.  [default: all queues in use, as far as the key may see "
    "them, else the gateway's default queue]",
)
_STATUS: Final = option(
    "--status",
    section=_SECTION,
    envvar=(),
    type=click.Choice(_STATUSES),
    metavar="STATUS",
    help=f"Only jobs that are {', '.join(_STATUSES)}.",
)
#: Options by the names that the client has for these filters.
_FILTERS: Final = {
    "function": option(
        "--function", section=_SECTION, envvar=(), metavar="NAME", help="Only jobs of this function."
    ),
    "status": _STATUS,
    "error_type": option(
        "--error",
        "error_type",
        section=_SECTION,
        envvar=(),
        metavar="TYPE",
        help="Only jobs whose error has this type: the name of the exception's class.",
    ),
    "code": option(
        "--code",
        section=_SECTION,
        envvar=(),
        type=click.Choice(_CODES),
        metavar="CODE",
        help=f"Only jobs that failed for this reason: {', '.join(_CODES)}.",
    ),
    "since": option(
        "--since",
        section=_SECTION,
        envvar=(),
        type=MOMENT,
        metavar="TIME",
        help="Only jobs that ended since then, or are due then or later: 1h is an hour ago; 30m, 2d, today, "
        "yesterday, tomorrow, 2026-08-01, 2026-08-01T14:00; +1h is in an hour.",
    ),
    "until": option(
        "--until",
        section=_SECTION,
        envvar=(),
        type=MOMENT,
        metavar="TIME",
        help="Only jobs that ended until then, or are due by then.",
    ),
}
#: The same for jobs that have not ended.
OPEN: Final = _STATUS.but(
    type=click.Choice(_OPEN), help=f"Only jobs that are {', '.join(_OPEN)}.  [default: all of these]"
)


@dataclass(frozen=True, slots=True)
class Which:
    """The jobs that a command means."""

    #: As they were given; empty = all that can be found.
    queues: Sequence[str]
    #: The filters of the client that were given, without the queue.
    filters: Mapping[str, Any]

    def but(self, **filters: Any) -> "Which":
        """Return the same jobs with further filters."""
        return Which(self.queues, {**self.filters, **filters})

    def filters_for(self, queue: str | None) -> dict[str, Any]:
        """Return the filters of the client for one queue; None = the default one."""
        return {**self.filters, **({} if queue is None else {"queue": queue})}

    async def queues_of(self, client: "Client") -> list[str | None]:
        """Return the queues that are meant; None stands for the default one."""
        if self.queues:
            return list(self.queues)
        from jobgate.client import Forbidden  # noqa: PLC0415 - it takes longer to import than all of this

        try:
            return [each.queue for each in await client.queues()] or [None]
        except Forbidden:
            say("The key may not list queues: only the default queue is looked at. Name others with --queue.")
            return [None]


def job_filters(*names: str, **others: Option) -> Callable[[Body], Body]:
    """Give a command the options that choose jobs; it gets a `Which` as `which`.

    Args:
        names: Names of the filters besides the queue.
        others: Filters with an option of the command's own.
    """
    options = {name: each for name, each in _FILTERS.items() if name in names} | others

    def decorated(function: Body) -> Body:
        @wraps(function)
        def command(*args: Any, queues: Sequence[str], **given: Any) -> Any:
            filters = {name: value for name in options if (value := given.pop(name)) is not None}
            return function(*args, which=Which(queues, filters), **given)

        return with_options(command, [_QUEUES, *options.values()])

    return decorated
