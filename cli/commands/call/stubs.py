"""`jobgate stubs`: a typed Python module for programs that call the functions of a gateway."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jobgate.cli.option import option
from jobgate.cli.remote import (
    Connection,
    RefusedError,
    RemoteCommand,
    connection_options,
    connection_to,
    run,
)
from jobgate.cli.stubs import StubsError, changes, functions_of, write_module

if TYPE_CHECKING:
    from jobgate.client import Client

_SECTION: Final = "Stubs"


@click.command(
    "stubs",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate stubs http://127.0.0.1:8080 -o shop.py
  jobgate stubs http://127.0.0.1:8080 -o shop.py --check

\b
In a program:
  import shop
  from jobgate.client import Client
  async with Client("http://127.0.0.1:8080") as client:
      total = await shop.add(client, 1, 2)
      job = await shop.add.enqueue(client, 1, b=2)""",
)
@click.argument("address", metavar="[URL]", required=False)
@option(
    "--output",
    "-o",
    "file",
    section=_SECTION,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the module to FILE, which is replaced at once.  [default: standard output]",
)
@option(
    "--check",
    section=_SECTION,
    is_flag=True,
    help="Write nothing. Compare FILE with the functions that the gateway has now: exit code 0 = the same, "
    "1 = FILE is stale; what has changed is listed.",
)
@connection_options
def command(address: str | None, file: Path | None, check: bool, connection: Connection) -> None:
    """Write a Python module that declares the functions of the gateway at URL, for its callers.

    mypy and pyright then know the arguments and the result of each function. The module needs jobgate's base
    install, and nothing of the worker's code. For the same functions it is always the same text: keep it
    under version control, and run --check in the CI of your program. docs/typed-clients.md shows more.

    URL is the same as --url. Exit code 1: with --check, FILE is stale, or does not exist.
    """
    if check and file is None:
        raise click.UsageError("--check compares a file: name it with -o FILE.")
    if address is not None:
        connection = connection_to(address)
    url = connection.shown.rstrip("/")

    async def work(client: "Client") -> int:
        try:
            functions = functions_of(await client.functions())
            text = write_module(functions, url, "FILE" if file is None else str(file))
        except StubsError as error:
            raise RefusedError(str(error)) from error
        if file is not None and check:
            return _compare(file, text, url)
        if file is None:
            click.echo(text, nl=False)
        else:
            _write(file, text)
        return 0

    run(connection, work)


def _compare(file: Path, text: str, url: str) -> int:
    """Write what has changed, and return the exit code."""
    try:
        found = changes(file.read_text(encoding="utf-8"), text)
    except FileNotFoundError as error:
        raise click.ClickException(
            f"{file} does not exist. Write it: jobgate stubs {url} -o {file}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from error
    if not found:
        click.echo(f"{file} is up to date.")
        return 0
    click.echo(f"{file} is stale. Renew it: jobgate stubs {url} -o {file}", err=True)
    for line in found:
        click.echo(line, err=True)
    return 1


def _write(file: Path, text: str) -> None:
    """Replace a file in one step, so that nobody reads half of it."""
    target = Path(os.path.realpath(file))
    new = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        if target.exists():
            shutil.copymode(target, new)
        new.replace(target)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise click.UsageError(f"{file} cannot be written: {error.strerror}.") from error
