"""`jobgate key`: the API keys that identify callers of the gateway."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from jobgate.broker import did_you_mean
from jobgate.cli.options import Group
from jobgate.cli.options import keys as options
from jobgate.gateway import (
    KeyEntry,
    KeysDocument,
    KeysFileError,
    edited_keys,
    keys_of_text,
    moment_text,
    new_key,
    read_keys,
    renewed,
    same_rights,
)

#: How many hex digits of a key's hash are shown.
_SHOWN: Final = 12
_COLUMNS: Final = ("name", "key", "allow", "limits", "expires")


class KeyGroup(Group):
    """Commands that report an unusable keys file in one sentence."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeysFileError as error:
            raise click.ClickException(str(error)) from error


@click.group("key", cls=KeyGroup)
def command() -> None:
    """Make, list, replace and revoke the keys of callers of the gateway."""


@command.command(
    short_help="Make a key for a caller and print it once.",
    epilog="""\b
Examples:
  jobgate key new shop --allow 'enqueue:send_*' --allow read
  jobgate key new partner --allow 'enqueue:*' --allow read --rate 50 --pending 1000
  jobgate key new prometheus --allow metrics --keys /etc/jobgate/keys.toml""",
)
@click.argument("name")
@options.SCOPES
@options.EXPIRES
@options.RATE
@options.BURST
@options.PENDING
@options.WAITS
@options.MAX_BODY
@options.KEYS_TO_WRITE
def new(
    name: str,
    scopes: tuple[str, ...],
    lifetime: timedelta | None,
    keys: Path | str,
    **limits: float | None,
) -> None:
    """Make a key for the caller NAME, print it once, and add its hash to the keys file.

    The file holds only the key's SHA-256: a lost key cannot be recovered. Several keys of one name belong to
    the same caller, so a key can be replaced without a gap: see `jobgate key rotate`.
    """
    file = _file(keys)
    not_after = None if lifetime is None else datetime.now(UTC).replace(microsecond=0) + lifetime
    key, text = new_key(name, scopes, not_after=not_after, limits=limits)
    with edited_keys(file, create=True) as document:
        document.add(text)
    click.echo(f"Written to {file}, which keeps only its hash; the key is shown only once:", err=True)
    click.echo(key)


@command.command(
    "list",
    short_help="List the keys and what they allow.",
    epilog="""\b
Examples:
  jobgate key list --keys /etc/jobgate/keys.toml
  jobgate key list --json | jq -r 'select(.expired) | .name'""",
)
@options.JSON
@options.KEYS_TO_READ
def list_(*, as_json: bool, keys: Path | str) -> None:
    """List all keys: the caller's name, the begin of the key's hash, scopes, limits and expiry.

    The keys themselves are not in the file. Times are UTC.
    """
    entries = keys_of_text(keys) if isinstance(keys, str) else read_keys(keys)[0]
    if as_json:
        for entry in entries:
            click.echo(json.dumps(_document(entry)))
        return
    rows = [_COLUMNS, *map(_row, entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@command.command(
    short_help="Make keys of a caller invalid.",
    epilog="""\b
Examples:
  jobgate key revoke partner
  jobgate key revoke shop --prefix 3f9a62""",
)
@click.argument("name")
@options.PREFIX
@options.KEYS_TO_WRITE
def revoke(name: str, prefix: str | None, keys: Path | str) -> None:
    """Take all keys of the caller NAME out of the keys file, or one of them.

    A running gateway refuses them within about a second. The caller's jobs stay as they are.
    """
    file = _file(keys)
    with edited_keys(file) as document:
        revoked = _chosen(document, name, prefix)
        for entry in revoked:
            document.remove(entry)
    for entry in revoked:
        click.echo(f"Revoked the key {entry.sha256[:_SHOWN]} of {name}.", err=True)


@command.command(
    short_help="Replace the keys of a caller.",
    epilog="""\b
Examples:
  jobgate key rotate shop
  jobgate key rotate shop --overlap 7d --keys /etc/jobgate/keys.toml""",
)
@click.argument("name")
@options.OVERLAP
@options.PREFIX
@options.KEYS_TO_WRITE
def rotate(name: str, overlap: timedelta, prefix: str | None, keys: Path | str) -> None:
    """Make a new key for the caller NAME, print it once, and let the former ones expire.

    The new key has the scopes and limits of the former ones, and no expiry. The former ones stay valid for
    the overlap, so that the caller can change over, or until their own expiry if that is earlier.
    """
    file = _file(keys)
    ends = datetime.now(UTC).replace(microsecond=0) + overlap
    with edited_keys(file) as document:
        former = _chosen(document, name, prefix)
        valid = [entry for entry in former if not entry.is_expired] or former[-1:]
        if not same_rights(valid):
            raise click.ClickException(
                f"The keys of {name} differ in scopes or limits: choose one with --prefix.{_shown(valid)}"
            )
        key, text = renewed(valid[-1])
        for one in valid:
            if one.not_after is None or one.not_after > ends:
                document.expire(one, ends)
        document.add(text)
    click.echo(f"The former keys of {name} are valid until {moment_text(ends)} at the latest.", err=True)
    click.echo(f"Written to {file}, which keeps only its hash; the new key is shown only once:", err=True)
    click.echo(key)


def _file(given: Path | str) -> Path:
    if isinstance(given, Path):
        return given
    raise click.UsageError(
        "JOBGATE_KEYS holds the text of the keys, which cannot be changed here: name a file with --keys FILE."
    )


def _chosen(document: KeysDocument, name: str, prefix: str | None) -> list[KeyEntry]:
    """Return the entries of a caller, or the one whose hash begins with `prefix`."""
    entries = [entry for entry in document.entries if entry.name == name]
    if not entries:
        names = sorted({entry.name for entry in document.entries})
        hint = did_you_mean(name, names) or "; see `jobgate key list`."
        raise click.ClickException(f"There is no key of {name}{hint}")
    if prefix is None:
        return entries
    found = [entry for entry in entries if prefix and entry.sha256.startswith(prefix.lower())]
    if len(found) != 1:
        many = f"Several keys of {name} begin" if found else f"No key of {name} begins"
        raise click.ClickException(f"{many} with {prefix!r}.{_shown(entries)}")
    return found


def _shown(entries: Sequence[KeyEntry]) -> str:
    return f" There are: {', '.join(entry.sha256[:_SHOWN] for entry in entries)}."


def _document(entry: KeyEntry) -> dict[str, object]:
    return {
        "name": entry.name,
        "key": entry.sha256[:_SHOWN],
        "allow": list(entry.allow),
        "limits": entry.limits,
        "not_after": None if entry.not_after is None else moment_text(entry.not_after),
        "expired": entry.is_expired,
    }


def _row(entry: KeyEntry) -> tuple[str, ...]:
    limits = " ".join(f"{name}={value:g}" for name, value in entry.limits.items())
    expires = "never"
    if entry.not_after is not None:
        expires = moment_text(entry.not_after) + (" (expired)" if entry.is_expired else "")
    return (entry.name, entry.sha256[:_SHOWN], " ".join(entry.allow), limits or "-", expires)
