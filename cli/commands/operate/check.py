"""`jobgate check`: is a worker alive, and would its next release break its callers?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from jobgate.broker import FunctionDocument, counted, printable
from jobgate.cli.option import option
from jobgate.cli.options import Command, queues, storage, workers
from jobgate.cli.processes import failed_with
from jobgate.cli.schema_diff import (
    Change,
    UnreadableFile,
    changes,
    read_functions,
    several_versions,
    write_functions,
)
from jobgate.cli.worker_check import check
from jobgate.worker import Settings, WorkerError, load_settings

_EXAMPLES: Final = """\b
Examples:
  jobgate check my_jobs.WorkerSettings
  jobgate check my_jobs.WorkerSettings --schema > old.json
  jobgate check my_jobs.WorkerSettings --schema-diff old.json"""

_SECTION: Final = "Functions (need no Redis)"


@click.command("check", cls=Command, epilog=_EXAMPLES)
@workers.SETTINGS
@storage.REDIS.of_settings()
@storage.NAMESPACE.of_settings()
@queues.CHECKED_QUEUES
@option(
    "--schema",
    section=_SECTION,
    is_flag=True,
    help="Do not look for workers: write the functions with their schemas as JSON.",
)
@option(
    "--schema-diff",
    section=_SECTION,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="OLD.json",
    help="Do not look for workers: compare the functions with those of an earlier release. OLD.json is what "
    "--schema wrote, or the answer to GET /functions of a gateway; - is standard input.",
)
def command(settings: str, redis: str | None, schema: bool, schema_diff: Path | None, **given: Any) -> None:
    """Check whether a live worker serves each queue of MODULE.WorkerSettings.

    Writes one line. Exit codes: 0 each queue has a live worker, 1 a queue has none or Redis does not answer.

    A worker is alive when it has announced itself within the last 15 seconds, which it does only while it
    claims jobs. Where the settings have a `health_check_key`, only workers with the same key count. Stock arq
    workers do not announce themselves: use `arq --check` for them.

    With --schema-diff, it checks whether callers of an earlier release could fail. It writes one line for
    each change. Exit codes: 0 no change breaks callers, 1 one does or may do so.
    """
    if schema and schema_diff is not None:
        raise click.UsageError("Use --schema or --schema-diff, not both.")
    if schema:
        click.echo(_written(_functions(settings)))
    elif schema_diff is not None:
        raise SystemExit(_compare(schema_diff, _functions(settings)))
    else:
        raise SystemExit(check(settings, redis_settings=redis, **given))


def _functions(settings: str) -> dict[str, FunctionDocument]:
    try:
        resolved = Settings.of(load_settings(settings)).resolved()
    except (WorkerError, ValueError) as error:
        raise failed_with(error) from error
    return {name: one.document for name, one in resolved.items()}


def _written(functions: dict[str, FunctionDocument]) -> str:
    try:
        return write_functions(functions.values())
    except UnreadableFile as error:
        raise failed_with(error) from error


def _compare(old: Path, new: dict[str, FunctionDocument]) -> int:
    """Write what has changed, and return the exit code."""
    found = changes(_read(old), new)
    for one in found:
        click.echo(f"{_verdict(one)}: {printable(one.function)}: {printable(one.text, 500)}")
    breaking = sum(one.breaks for one in found)
    click.echo(_summary(len(found), breaking), err=bool(breaking))
    return 1 if breaking else 0


def _read(old: Path) -> Mapping[str, FunctionDocument]:
    try:
        with click.open_file(str(old), "rb") as file:
            text = file.read()
        found = read_functions(text)
    except OSError as error:
        raise click.ClickException(f"{old} cannot be read: {error.strerror or error}.") from error
    except UnreadableFile as error:
        raise click.ClickException(f"{old}: {error}.") from error
    if mixed := several_versions(text):
        names = printable(", ".join(mixed), 500)
        click.echo(f"Warning: {old} has one of several versions that were live: {names}", err=True)
    return found


def _verdict(change: Change) -> str:
    if not change.breaks:
        return "compatible"
    return "breaks" if change.certain else "may break"


def _summary(all_of_them: int, breaking: int) -> str:
    if not all_of_them:
        return "ok: the functions have not changed"
    if not breaking:
        return f"ok: {counted(all_of_them, 'change')}, none of which breaks callers"
    return (
        f"failed: {counted(breaking, 'change')} can break callers of the earlier release: keep the old form "
        "beside the new one until they have moved, for example under another name"
    )
