"""How options are defined: once each, with a section of the help text and a variable of the environment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import click

#: A function that becomes a command: decorators give it options.
Body = Callable[..., Any]

#: Every environment variable that an option of any command reads.
VARIABLES: set[str] = set()


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the command line; as a decorator it adds itself to a command."""

    names: tuple[str, ...]
    section: str
    attributes: Mapping[str, Any]

    def __post_init__(self) -> None:
        VARIABLES.update(self.attributes["envvar"])

    def __call__(self, function: Body) -> Body:
        """Add the option to a command."""
        add = click.option(*self.names, cls=SectionedOption, section=self.section, **self.attributes)
        return add(function)

    def but(self, **attributes: Any) -> Self:
        """Return the same option for a command that needs another help text, metavar or default."""
        return replace(self, attributes={**self.attributes, **attributes})

    def of_settings(self, **attributes: Any) -> Self:
        """Return the same option for a command that takes its default from the `WorkerSettings` class."""
        default = self.attributes.get("default")
        shown = "as in the settings" + (f", else {default}" if default else "")
        return self.but(**{"default": None, "show_default": shown, **attributes})


def option(*names: str, section: str, **attributes: Any) -> Option:
    """Define an option.

    Args:
        names: As for `click.option`.
        section: Heading of the help text under which it is listed.
        attributes: As for `click.option`; `envvar` is by default JOBGATE_ and the option's long name;
            () = none.
    """
    long = next(name for name in names if name.startswith("--")).partition("/")[0]
    variables = (f"JOBGATE_{long[2:].replace('-', '_').upper()}",)
    has_variable = bool(attributes.get("envvar", variables))
    shown = {"envvar": variables, "show_envvar": has_variable, "show_default": "default" in attributes}
    return Option(names, section, {**shown, **attributes})


def with_options(command: Body, options: Sequence[Callable[[Body], Body]]) -> Body:
    """Return a command with these options or arguments, which its help shows in this order."""
    for add in reversed(options):
        command = add(command)
    return command


class SectionedOption(click.Option):
    """An option that knows its section of the help text."""

    def __init__(self, *arguments: Any, section: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose help text shows its options by section."""

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


class _SplitAtCommas(click.types.StringParamType):
    envvar_list_splitter = ","


#: Type of options that may be repeated; in a variable the values have commas between them.
SEVERAL = _SplitAtCommas()


def octal(ctx: click.Context, parameter: click.Parameter, value: str) -> int:
    """Return the number that octal digits mean, such as the permissions of a file; a callback of options."""
    try:
        return int(value, 8)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a mode in octal, such as 660.") from None
