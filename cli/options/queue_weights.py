"""`--queue NAME` or `--queue NAME=WEIGHT`, as often as there are queues."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

from jobgate.broker.keys import is_plain_name

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class _SplitAtCommas(click.types.StringParamType):
    """A text; in a variable of the environment several of them, with commas between them."""

    envvar_list_splitter = ","


#: Type of options that may be repeated.
SEVERAL: Final = _SplitAtCommas()


def queue_option(help_text: str, *, metavar: str = "NAME") -> Callable[[Decorated], Decorated]:
    """Return the option `--queue` of a command, its argument `queues`; JOBGATE_QUEUE stands in for it."""
    return click.option(
        "--queue",
        "queues",
        envvar="JOBGATE_QUEUE",
        type=SEVERAL,
        multiple=True,
        callback=_parse_weights,
        metavar=metavar,
        help=help_text,
    )


def _parse_weights(
    _context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, int] | None:
    """Return the setting `queues` that the option says; None where it is not given.

    Raises:
        click.BadParameter: a queue has no name, or one with spaces or commas, or a weight is no whole number
            of at least 1.
    """
    return dict(_split(value, parameter) for value in values) or None


def _split(text: str, parameter: click.Parameter) -> tuple[str, int]:
    """Split a name and its weight at the last `=`; a weight is 1 where none is given."""
    name, sign, weight = text.rpartition("=")
    if not (name if sign else text):
        message = "a queue must have a name; without --queue it is that of the settings"
        raise click.BadParameter(message, param=parameter)
    name = name if sign else text
    if not is_plain_name(name):
        message = (
            f"{name!r} has spaces or commas: give --queue once for each queue, or JOBGATE_QUEUE=urgent,mail"
        )
        raise click.BadParameter(message, param=parameter)
    if not sign:
        return name, 1
    if not (weight.isascii() and weight.isdigit() and int(weight)):
        message = f"the weight in {text!r} must be a whole number of at least 1"
        raise click.BadParameter(message, param=parameter)
    return name, int(weight)
