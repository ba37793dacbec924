"""`--watch DIR`: tells when files of a folder change."""

from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path

import click

#: Files whose change matters besides Python's own.
_FURTHER = (".toml", ".yaml", ".yml")


def changes_in(folder: Path) -> AsyncIterator[object]:
    """Return what yields whenever source files below a folder have changed.

    Raises:
        click.ClickException: the package watchfiles is not installed.
    """
    try:
        watchfiles = import_module("watchfiles")
    except ModuleNotFoundError:
        message = "--watch needs the package watchfiles: install jobgate with its extra [watch]"
        raise click.ClickException(f"{message}, in its folder: pip install '.[watch]'.") from None
    changes: AsyncIterator[object] = watchfiles.awatch(
        folder, watch_filter=watchfiles.PythonFilter(extra_extensions=_FURTHER), step=100, debounce=400
    )
    return changes
