"""`jobgate stubs`: a typed Python module for programs that call the functions of a gateway."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from jobgate.cli.http_access import HttpAccess
from jobgate.cli.option import option
from jobgate.cli.stubs import StubsError, ask, base_url, changes, read_functions, write_module

_SECTION: Final = "Stubs"


@click.command(
    "stubs",
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
@click.argument("url")
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
    help="Write nothing. Compare FILE with the functions that the gateway has now: exit code 0 = alike, "
    "1 = FILE is stale; what has changed is listed.",
)
@option(
    "--ca-file",
    section=_SECTION,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CAs to trust with an https:// URL, in PEM form.  [default: those of the system]",
)
@option("--proxy", section=_SECTION, metavar="URL", help="HTTP proxy on the way to the gateway.")
@option("--key", section=_SECTION, metavar="KEY", help="API key for the gateway.")
def command(
    url: str, file: Path | None, check: bool, key: str | None, ca_file: Path | None, proxy: str | None
) -> None:
    """Write a Python module that declares the functions of the gateway at URL, for its callers.

    mypy and pyright then know the arguments and the result of each function. The module needs jobgate's base
    install, and nothing of the worker's code. For the same functions it is always the same text: keep it
    under version control, and run --check in the CI of your program. docs/typed-clients.md shows more.
    """
    if check and file is None:
        raise click.UsageError("--check compares a file: name it with -o FILE.")
    try:
        url = base_url(url)
        access = HttpAccess(proxy=proxy, ca_file=ca_file, follows_redirects=False)
        functions = read_functions(ask(url, key, access))
        text = write_module(functions, url, "FILE" if file is None else str(file))
    except StubsError as error:
        raise click.ClickException(str(error)) from error
    if file is None:
        click.echo(text, nl=False)
    elif check:
        raise SystemExit(_compare(file, text, url))
    else:
        _write(file, text)


def _compare(file: Path, text: str, url: str) -> int:
    """Write what has changed, and return the exit code."""
    try:
        found = changes(file.read_text(encoding="utf-8"), text)
    except FileNotFoundError as error:
        raise click.ClickException(
            f"{file} does not exist. Write it: jobgate stubs {url} -o {file}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} cannot be read: {error}") from error
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
        raise click.ClickException(f"{file} cannot be written: {error.strerror}.") from error
