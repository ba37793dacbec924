"""Commands whose help text shows their options by section."""

from typing import Any

import click

from jobgate.cli.option import SectionedOption
from jobgate.cli.options.environment import warnings_of_environment


class Command(click.Command):
    """A command of jobgate."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section, in the order in which the command names them."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for each in self.get_params(ctx):  # the last one is --help
            if isinstance(each, click.Option) and (line := each.get_help_record(ctx)) is not None:
                name = each.section if isinstance(each, SectionedOption) else "Other"
                sections.setdefault(name, []).append(line)
        for name, lines in sections.items():
            with formatter.section(name):
                formatter.write_dl(lines)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; before it, warn of variables that have no effect."""
        if "log_format" not in ctx.params:  # else they come in the log's form
            for warning in warnings_of_environment():
                click.echo(f"Warning: {warning}", err=True)
        return super().invoke(ctx)


class Group(click.Group):
    """A group of commands of jobgate."""

    command_class = Command
