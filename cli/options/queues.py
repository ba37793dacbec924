"""Queues: `--queue NAME` or `--queue NAME=WEIGHT`, which can be repeated, and `--default-queue`."""

from collections.abc import Sequence
from typing import Final

import click

from jobgate.broker import is_plain_name
from jobgate.cli.option import SEVERAL, option


def _parse_weights(
    _context: click.Context, _parameter: click.Parameter, values: Sequence[str]
) -> dict[str, int] | None:
    """Return the weights of the queues by name; None where no queue is given.

    Raises:
        click.BadParameter: A queue has no name, or one with spaces or commas, or a weight is not a whole
            number of at least 1.
    """
    return dict(map(_split, values)) or None


def _split(text: str) -> tuple[str, int]:
    """Split a name and its weight at the last `=`; the weight is 1 where none is given."""
    name, sign, weight = text.rpartition("=")
    name = name if sign else text
    if not name:
        message = "a queue must have a name; leave out --queue to use that of the settings"
        raise click.BadParameter(message)
    if not is_plain_name(name):
        advice = "repeat --queue for each queue, or use JOBGATE_QUEUE=urgent,mail"
        raise click.BadParameter(f"{name!r} has spaces or commas: {advice}")
    if not sign:
        return name, 1
    if not (weight.isascii() and weight.isdigit() and int(weight)):
        raise click.BadParameter(f"the weight in {text!r} must be a whole number of at least 1")
    return name, int(weight)


_QUEUE: Final = option(
    "--queue", "queues", section="Queues", type=SEVERAL, multiple=True, callback=_parse_weights
)
#: The queues of a worker.
WORKER_QUEUES: Final = _QUEUE.of_settings(
    metavar="NAME[=WEIGHT]",
    help="Queue to claim jobs from. Can be repeated; the variable takes commas. While all queues have jobs, "
    "each gets a share by its weight, which is 1 by default.",
)
#: The queues that `jobgate check` looks at.
CHECKED_QUEUES: Final = WORKER_QUEUES.but(
    metavar="NAME", help="Queue that a worker must serve. Can be repeated; the variable takes commas."
)
#: The queues that requests to a gateway may name.
REQUEST_QUEUES: Final = _QUEUE.but(
    metavar="NAME",
    show_default="any queue",
    help="Queue that requests may name besides the default one; all others are then refused. Can be "
    "repeated; the variable takes commas. The weight of a worker's NAME=WEIGHT is ignored.",
)
DEFAULT_QUEUE: Final = option(
    "--default-queue",
    section="Queues",
    metavar="NAME",
    show_default="<namespace>:queue, as in arq",
    help="Queue of requests that name none. Your workers must serve it.",
)
