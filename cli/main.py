"""The `jobgate` command: a group that imports each command only when it is used.

So `jobgate --help` works with the base install, and a command whose extra is missing says what to install
instead of showing a traceback.
"""

import errno
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from jobgate.cli.process_one import open_standard_streams, serve_as_init

#: Sections of `jobgate --help` -> name of each command -> the extra that it needs, and its line.
SECTIONS: Final = {
    "Run": {
        "dev": ("all", "Run a server, a worker and a gateway together, for development."),
        "gateway": ("gateway", "Serve the HTTP API in front of Redis."),
        "init": ("all", "Write a small project to begin with."),
        "worker": ("worker", "Run the functions of a WorkerSettings class."),
    },
    "Call": {
        "call": ("all", "Call a function, and write its result."),
        "enqueue": ("all", "Enqueue a job, or one for each line of a file."),
        "status": ("all", "Show the status of jobs."),
        "result": ("all", "Write the result of a job, or wait for it."),
        "abort": ("all", "Stop jobs, whether they wait or run."),
        "retry": ("all", "Run finished jobs again."),
        "functions": ("all", "Show what can be called."),
        "completion": ("all", "Let a shell complete command lines of jobgate."),
        "stubs": ("all", "Write typed declarations of a gateway's functions, for Python callers."),
    },
    "Look": {
        "jobs": ("all", "List jobs."),
        "failed": ("all", "List what failed and why, or count it."),
        "queues": ("all", "Show what waits and runs in each queue."),
        "workers": ("all", "Show the live workers and what they run."),
        "schedules": ("all", "Show which cron jobs run when, and how they ended last."),
        "events": ("all", "Follow what happens to jobs."),
    },
    "Operate": {
        "bulk": ("all", "Retry or abort many jobs."),
        "check": ("worker", "Check whether a live worker serves the queues."),
        "health": ("all", "Check whether a gateway or worker answers on its /livez."),
        "key": ("gateway", "Make, list, replace and revoke keys of callers."),
        "queue": ("all", "List, pause and resume queues."),
    },
}
#: Name of each command -> the extra that it needs.
COMMANDS: Final = {name: extra for section in SECTIONS.values() for name, (extra, _) in section.items()}


def module_of(name: str) -> str:
    """Return the module of a command, which stands on the floor of its section."""
    section = next(title for title, commands in SECTIONS.items() if name in commands)
    return f"jobgate.cli.commands.{section.lower()}.{name}"


#: Errors of a file that takes no more: a full disk, a terminal that is gone.
_UNWRITABLE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class LazyGroup(click.Group):
    """A group that knows the names of its commands and imports a command when it is called."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line; standard streams that the caller has closed are opened first."""
        open_standard_streams()
        serve_as_init()
        try:
            # However the command is started, as by `python -m jobgate.cli`.
            return super().main(*args, **{"complete_var": "_JOBGATE_COMPLETE", **options})
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            raise SystemExit(_not_written(error)) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, whether their extras are installed or not."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command `cmd_name`; None when there is no such command.

        Raises:
            click.ClickException: The extra that it needs is not installed.
        """
        if cmd_name not in COMMANDS:
            return None
        try:
            command: click.Command = import_module(module_of(cmd_name)).command
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("jobgate"):
                raise
            extra = COMMANDS[cmd_name]
            message = f"{error.name} is not installed: install jobgate with its extra [{extra}]"
            raise click.ClickException(f"{message}, in its folder: pip install '.[{extra}]'.") from error
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; suggest a similar one if there is none."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(f"No such command {name!r}.{_hint(name)}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands, without importing them, and the options that begin like the last word."""
        lines = {name: line for section in SECTIONS.values() for name, (_, line) in section.items()}
        commands = [CompletionItem(name, help=line) for name, line in lines.items()]
        own = click.Command.shell_complete(self, ctx, incomplete)
        return [each for each in commands if each.value.startswith(incomplete)] + own

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C before it handles that itself ends it as a shell expects."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items()], col_max=12)


def _not_written(error: OSError) -> int:
    """Say that standard output, or another file, takes no more; return the exit code."""
    # What is still in the buffer must not fail again at the end of the process.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    with suppress(OSError):
        click.echo(f"Error: the output cannot be written: {error.strerror}.", err=True)
    return os.EX_IOERR


def _hint(name: str) -> str:
    import difflib  # noqa: PLC0415 - as `package_name` below

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  jobgate dev my_jobs.WorkerSettings
  jobgate worker my_jobs.WorkerSettings --redis redis://cache:6379
  jobgate gateway --redis redis://cache:6379 --host 0.0.0.0 --keys keys.toml

`jobgate COMMAND --help` lists the options of a command. Most options have an environment variable.""",
)
# The package's name, not its version: reading that takes a third of the time of `jobgate --help`.
@click.version_option(
    None, "-V", "--version", package_name="jobgate", prog_name="jobgate", message="%(prog)s %(version)s"
)
def main() -> None:
    """Call the functions of a Redis job queue over HTTP."""
