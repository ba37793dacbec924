"""`jobgate completion`: what a shell needs to complete command lines of jobgate."""

from typing import Final

import click
from click.shell_completion import get_completion_class

from jobgate.cli.option import SectionedCommand

#: The variable by which a shell asks for completions; click's name for it.
_VARIABLE: Final = "_JOBGATE_COMPLETE"


@click.command(
    "completion",
    cls=SectionedCommand,
    epilog="""\b
Put one of these into the file that your shell reads at its start:
  eval "$(jobgate completion bash)"         ~/.bashrc
  eval "$(jobgate completion zsh)"          ~/.zshrc, after compinit
  jobgate completion fish | source          ~/.config/fish/config.fish""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Write a script with which SHELL completes commands, options, and the names of functions.

    The names come from the gateway of the command line, the environment or the profile, if it answers within
    a second.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has all three
    click.echo(kind(click.get_current_context().find_root().command, {}, "jobgate", _VARIABLE).source())
