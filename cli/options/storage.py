"""Where jobs are stored and in which form: Redis, the prefix of its keys, the serializer."""

from pathlib import Path
from typing import Final

import click

from jobgate.broker import DEFAULT_INDEX_LIMIT, DEFAULT_URL
from jobgate.cli.option import option

_SECTION: Final = "Redis"

REDIS: Final = option(
    "--redis",
    section=_SECTION,
    envvar=("JOBGATE_REDIS_URL",),
    default=DEFAULT_URL,
    metavar="URL",
    help="Where Redis is: a redis://, rediss://, unix:// or redis+sentinel:// URL.",
)
NAMESPACE: Final = option(
    "--namespace", section=_SECTION, default="arq", metavar="NS", help="Prefix of all Redis keys."
)
SERIALIZER: Final = option(
    "--serializer",
    section=_SECTION,
    type=click.Choice(["json", "msgpack", "pickle"]),
    default="json",
    help="Format in which jobs and results are written. Use `pickle` only to share a Redis with stock arq: "
    "a worker then loads pickles, so anyone who can write to Redis can run code in it.",
)
INDEX_LIMIT: Final = option(
    "--index-limit",
    section=_SECTION,
    type=click.IntRange(min=0),
    default=DEFAULT_INDEX_LIMIT,
    metavar="N",
    help="Finished jobs of a queue, and failed ones, that can be listed; the same as the workers' setting.",
)
DATA: Final = option(
    "--data",
    section=_SECTION,
    type=click.Path(file_okay=False, path_type=Path),
    default=".jobgate",
    help="Data folder of the embedded server; jobs in it survive a restart.",
)
