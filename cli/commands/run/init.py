"""`jobgate init`: a small project to begin with."""

import shlex
from pathlib import Path

import click

from jobgate.cli.project import FILES, ProjectError, write_project

_NEXT = """
Next:
{enter}  jobgate dev my_jobs.WorkerSettings  # then open http://localhost:8080/docs
  jobgate call build_report pages=9   # in another terminal
  pytest                              # needs jobgate's extra [testing]

README.md shows how to call and how to deploy it."""


@click.command(
    "init",
    epilog="""\b
Examples:
  jobgate init shop
  cd shop && jobgate dev my_jobs.WorkerSettings""",
)
@click.argument("folder", type=click.Path(path_type=Path), default=".", metavar="[FOLDER]")
def command(folder: Path) -> None:
    """Write a small project into FOLDER, by default the current one: two functions that can be called.

    my_jobs.py has the functions and the settings of their worker, test_my_jobs.py runs them in a real one,
    Dockerfile and compose.yaml deploy them, and README.md explains the rest. Change whatever you like.

    FOLDER is created if it does not exist. Files that exist are never replaced: if one of them is in the way,
    nothing is written. Exit codes: 0 written, 1 not written.
    """
    try:
        write_project(folder)
    except ProjectError as error:
        raise click.ClickException(str(error)) from None
    width = max(map(len, FILES))
    is_here = folder.resolve() == Path.cwd()
    click.echo(f"Wrote into {'this folder' if is_here else folder}:")
    for name, purpose in FILES.items():
        click.echo(f"  {name:{width}}  {purpose}")
    click.echo(_NEXT.format(enter="" if is_here else f"  cd {shlex.quote(str(folder))}\n"))
