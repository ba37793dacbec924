"""API keys: where they are, and what a key may do."""

from pathlib import Path
from typing import Any, Final

import click

from jobgate.cli.duration import DURATION
from jobgate.cli.option import Option, option

_ACCESS: Final = "Access"
_KEY: Final = "Key"
_LIMITS: Final = "Limits of the caller"


class _Place(click.ParamType):  # type: ignore[type-arg]
    """The path of a keys file or folder as a `Path`, or the text of a keys file as a `str`.

    A text has a line end or `[[key]]`, which no path of a file is likely to have.
    """

    name = "path"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        return value if isinstance(value, str) and ("\n" in value or "[[key]]" in value) else Path(value)


def _of_key(name: str, *names: str, section: str, **attributes: Any) -> Option:
    """Define an option of a key; its variable begins with JOBGATE_KEY_: workers have a --burst, too."""
    variable = f"JOBGATE_KEY_{name[2:].replace('-', '_').upper()}"
    return option(name, *names, section=section, envvar=(variable,), **attributes)


KEYS: Final = option(
    "--keys",
    section=_ACCESS,
    metavar="PATH",
    type=_Place(),
    help="File with the API keys of callers, made by `jobgate key new`, or a folder of such files. The "
    "variable may also hold the text of the file.",
)
#: The same for the commands that list or change them.
KEYS_TO_READ: Final = KEYS.but(
    default=Path("keys.toml"), show_default=True, help="The keys, as the gateway reads them with --keys."
)
KEYS_TO_WRITE: Final = KEYS.but(
    default=Path("keys.toml"), show_default=True, help="File to change; the gateway reads it with --keys."
)
SCOPES: Final = option(
    "--allow",
    "scopes",
    section=_KEY,
    metavar="SCOPE",
    multiple=True,
    required=True,
    help="enqueue:FUNCTION (a glob pattern), read, read:*, inspect, abort, operate or metrics. Can be "
    "repeated.",
)
EXPIRES: Final = _of_key(
    "--expires-in",
    "lifetime",
    section=_KEY,
    type=DURATION,
    metavar="DURATION",
    help="The key is valid for this long, such as 12h or 90d; without it, until it is revoked.",
)
OVERLAP: Final = _of_key(
    "--overlap",
    section=_KEY,
    type=DURATION,
    metavar="DURATION",
    default="24h",
    help="The former keys stay valid for this long, such as 30m or 7d.",
)
PREFIX: Final = _of_key(
    "--prefix",
    section=_KEY,
    metavar="HEX",
    help="Only the key whose hash begins like this, as `jobgate key list` shows it.",
)
JSON: Final = _of_key(
    "--json", "as_json", section="Output", is_flag=True, help="Write one JSON object a line."
)
RATE: Final = _of_key(
    "--rate", section=_LIMITS, type=float, metavar="N", help="Most jobs a second that it may enqueue."
)
BURST: Final = _of_key(
    "--burst",
    section=_LIMITS,
    type=int,
    metavar="N",
    help="Most jobs at once before --rate applies; by default those of a second.",
)
PENDING: Final = _of_key(
    "--pending", section=_LIMITS, type=int, metavar="N", help="Most of its jobs that have not finished."
)
WAITS: Final = _of_key(
    "--waits", section=_LIMITS, type=int, metavar="N", help="Most of its requests that wait at the same time."
)
MAX_BODY: Final = _of_key(
    "--max-body", section=_LIMITS, type=int, metavar="BYTES", help="Largest body of its requests."
)
