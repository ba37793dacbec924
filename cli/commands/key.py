"""`jobgate key`: the API keys that identify callers of the gateway."""

import os
from pathlib import Path

import click

from jobgate.cli.options import Group, http
from jobgate.gateway import KeysFileError, new_key


@click.group("key", cls=Group)
def command() -> None:
    """Make keys for callers of the gateway."""


@command.command(
    short_help="Make a key for a caller and print it once.",
    epilog="""\b
Examples:
  jobgate key new shop --allow 'enqueue:send_*' --allow read
  jobgate key new prometheus --allow metrics --keys /etc/jobgate/keys.toml""",
)
@click.argument("name")
@http.SCOPES
@http.KEYS_TO_WRITE
def new(name: str, scopes: tuple[str, ...], keys_file: Path) -> None:
    """Make a key for the caller NAME, print it once, and add its hash to the keys file.

    The file holds only the key's SHA-256: a lost key cannot be recovered. Several keys of one name belong to
    the same caller, so a key can be replaced without a gap.
    """
    try:
        key, entry = new_key(name, scopes)
        # Only its owner may read the file that this makes.
        descriptor = os.open(keys_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(entry if file.tell() == 0 else f"\n{entry}")
    except KeysFileError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{keys_file} cannot be written: {error.strerror}.") from error
    click.echo(f"Written to {keys_file}, which keeps only its hash; the key is shown only once:", err=True)
    click.echo(key)
