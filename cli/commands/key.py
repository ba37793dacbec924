"""`jobgate key`: the keys that callers of the gateway show."""

import os
from pathlib import Path

import click

from jobgate.gateway import KeysFileError, new_key

_FILE_MODE = 0o600


@click.group(short_help="Make the keys that callers of the gateway show.")
def command() -> None:
    """Make the keys that callers of the gateway show."""


@command.command(short_help="Make a key for a caller and print it once.")
@click.argument("name")
@click.option(
    "--allow",
    "scopes",
    envvar="JOBGATE_ALLOW",
    metavar="SCOPE",
    multiple=True,
    required=True,
    help="enqueue:<function glob>, read, read:*, inspect, abort or metrics; may be repeated.",
)
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("keys.toml"),
    show_default=True,
    envvar="JOBGATE_KEYS",
    help="The file that the gateway is given with --keys.",
)
def new(name: str, scopes: tuple[str, ...], keys_file: Path) -> None:
    """Make a key for the caller NAME, print it once, and add its hash to the keys file.

    The file holds its SHA-256 only: a key that is lost cannot be found again. A second key of the same
    name is the same caller, so that a key can be replaced without a gap.
    """
    try:
        key, entry = new_key(name, scopes)
        _append(keys_file, entry)
    except KeysFileError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{keys_file} cannot be written: {error.strerror}.") from error
    click.echo(f"Written to {keys_file}, which keeps only its hash; the key is shown this once:", err=True)
    click.echo(key)


def _append(path: Path, entry: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _FILE_MODE)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(entry if file.tell() == 0 else f"\n{entry}")
