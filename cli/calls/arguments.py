"""The arguments of a function on the command line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from jobgate.cli.calls.values import STANDARD_INPUT, json_of, value_of
from jobgate.cli.option import Body, option, with_options
from jobgate.cli.remote import RemoteCommand

_SECTION: Final = "Arguments"
#: Stands before a negative number, which click would take for an option; no word can contain it.
_MARK: Final = "\0"
_NUMBER: Final = re.compile(r"-\.?[0-9]")
_KEYWORD: Final = re.compile(r"([^\W\d]\w*)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Positional and keyword arguments of one call."""

    args: Sequence[Any] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    #: Whether one of them has been read from standard input.
    has_input: bool = False

    def __post_init__(self) -> None:
        for name in self.kwargs:
            if name.startswith("_"):
                raise ValueError(f"{name!r} cannot be the name of an argument: none begins with '_'.")

    @classmethod
    def of(cls, words: Sequence[str], args: str | None, kwargs: str | None) -> "Arguments":
        """Return the arguments that the words of a command line mean.

        Args:
            words: `WORD` or `NAME=WORD` each.
            args: JSON array of arguments that precede those of the words.
            kwargs: JSON object of further ones by name.

        Raises:
            click.UsageError: A word or an option is wrong.
        """
        pairs = [
            (found[1], found[2]) if (found := _KEYWORD.fullmatch(word)) else ("", word) for word in words
        ]
        count = sum(word in STANDARD_INPUT for word in (args, kwargs, *(word for _, word in pairs)))
        if count > 1:
            raise click.UsageError("Standard input can be read once.")
        positional = [] if args is None else json_of("--args", args, list)
        named = {} if kwargs is None else json_of("--kwargs", kwargs, dict)
        for name, word in pairs:
            if not name:
                positional.append(value_of(word))
            elif name in named:
                raise click.UsageError(f"{name} is given twice.")
            else:
                named[name] = value_of(word)
        try:
            return cls(positional, named, has_input=count > 0)
        except ValueError as error:
            raise click.UsageError(
                f"{error} To pass a text with '=', quote it as JSON: '\"_a=1\"'."
            ) from None


class CallCommand(RemoteCommand):
    """A command whose last words are arguments of a function; these may be negative numbers."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command line."""
        end = args.index("--") if "--" in args else len(args)
        marked = [_MARK + word if _NUMBER.match(word) else word for word in args[:end]]
        return super().parse_args(ctx, marked + args[end:])


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete the name of a file: many functions take one."""
    return [CompletionItem(incomplete, type="file")]


_OPTIONS: Final = (
    click.argument("words", metavar="[WORD | NAME=WORD]...", nargs=-1, shell_complete=_complete),
    option(
        "--args",
        section=_SECTION,
        envvar=(),
        metavar="JSON",
        help="Array of arguments, which precede those of the words; @FILE and - as above.",
    ),
    option(
        "--kwargs",
        section=_SECTION,
        envvar=(),
        metavar="JSON",
        help="Object of arguments by name; @FILE and - as above.",
    ),
)


def argument_options(function: Body) -> Body:
    """Give a command the words and options of a function's arguments; it gets them as `arguments`."""

    @wraps(function)
    def command(*given: Any, words: Sequence[str], args: str | None, kwargs: str | None, **rest: Any) -> Any:
        plain = [word.removeprefix(_MARK) for word in words]
        return function(*given, arguments=Arguments.of(plain, args, kwargs), **rest)

    return with_options(command, _OPTIONS)
