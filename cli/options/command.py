"""Commands that warn of variables without effect, and know the words that they were given."""

from typing import Any, Final

import click

from jobgate.cli.option import SectionedCommand
from jobgate.cli.options.environment import warnings_of_environment

_WORDS: Final = "jobgate.words"


class Command(SectionedCommand):
    """A command of jobgate."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command line, and keep them."""
        ctx.meta[_WORDS] = (*args,)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; before it, warn of variables that have no effect."""
        if "log_format" not in ctx.params:  # else they come in the log's form
            for warning in warnings_of_environment():
                click.echo(f"Warning: {warning}", err=True)
        return super().invoke(ctx)


def given_words(ctx: click.Context) -> list[str]:
    """Return the words behind the command's name, as they were given: variables are not among them."""
    return [*ctx.meta[_WORDS]]


class Group(click.Group):
    """A group of commands of jobgate."""

    command_class = Command
