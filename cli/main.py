"""The `jobgate` command: a group whose commands are imported only when they are used.

So `jobgate --help` works with the base install, and a command whose extra is missing says what to
install instead of showing a traceback.
"""

import difflib
from importlib import import_module
from importlib.metadata import version
from typing import Any, Final

import click

from jobgate.cli.commands.init import serve_as_init
from jobgate.cli.processes.streams import open_standard_streams

#: Name of each command -> its module, the extra it needs, and its line in `jobgate --help`.
COMMANDS: Final = {
    "check": ("jobgate.cli.commands.check", "worker", "Look whether a worker is alive."),
    "dev": (
        "jobgate.cli.commands.dev",
        "all",
        "Run embedded server, worker and gateway together, for development.",
    ),
    "gateway": ("jobgate.cli.commands.gateway", "gateway", "Serve the HTTP API in front of Redis."),
    "health": ("jobgate.cli.commands.health", "all", "Ask whether a gateway or worker lives."),
    "key": ("jobgate.cli.commands.key", "gateway", "Make the keys that callers of the gateway show."),
    "queue": ("jobgate.cli.commands.queue", "worker", "Pause, resume and list queues."),
    "worker": ("jobgate.cli.commands.worker", "worker", "Run the functions of a WorkerSettings class."),
}


class LazyGroup(click.Group):
    """A group that knows the names of its commands and imports one when it is asked for."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command of the command line, with standard streams whatever the caller has closed."""
        open_standard_streams()
        serve_as_init()
        return super().main(*args, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, whether their extras are installed or not."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command `cmd_name`; None when there is no such command.

        Raises:
            click.ClickException: The extra that it needs is not installed.
        """
        if cmd_name not in COMMANDS:
            return None
        module, extra, _ = COMMANDS[cmd_name]
        command = _import_command(module, extra)
        _take_variables(command)
        if command.name != cmd_name:
            command.name = cmd_name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; one that is nearly right is asked for."""
        name = args[0]
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        if name not in COMMANDS and not name.startswith("-"):
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


def _import_command(module: str, extra: str) -> click.Command:
    try:
        command = import_module(module).command
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("jobgate"):
            raise
        message = f"{error.name} is not installed: install jobgate with its extra [{extra}]"
        raise click.ClickException(f"{message}, in its folder: pip install '.[{extra}]'.") from error
    if not isinstance(command, click.Command):
        raise TypeError(f"{module}.command must be a click command.")
    return command


def _take_variables(command: click.Command) -> None:
    """Let each option be given as a variable JOBGATE_… of the environment, and name it in the help."""
    command.context_settings.setdefault("auto_envvar_prefix", "JOBGATE")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            parameter.show_envvar = True
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _take_variables(each)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`jobgate COMMAND --help` tells each command's options.",
)
@click.version_option(
    version("jobgate"), "-V", "--version", prog_name="jobgate", message="%(prog)s %(version)s"
)
def main() -> None:
    """Call the functions of a Redis job queue over HTTP."""
