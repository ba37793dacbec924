"""Commands that warn of variables without effect."""

from typing import Any

import click

from jobgate.cli.option import SectionedCommand
from jobgate.cli.options.environment import warnings_of_environment


class Command(SectionedCommand):
    """A command of jobgate."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; before it, warn of variables that have no effect."""
        if "log_format" not in ctx.params:  # else they come in the log's form
            for warning in warnings_of_environment():
                click.echo(f"Warning: {warning}", err=True)
        return super().invoke(ctx)


class Group(click.Group):
    """A group of commands of jobgate."""

    command_class = Command
