"""The declaration of one function: its signature and its docstring."""

import inspect
from collections.abc import Iterator, Sequence
from typing import Final

import orjson

from jobgate.cli.stubs.annotations import Annotator, Way
from jobgate.cli.stubs.functions import NO_DEFAULT, Function, Parameter
from jobgate.cli.stubs.models import Models
from jobgate.cli.stubs.schemas import Definitions, allows
from jobgate.cli.stubs.texts import WIDTH, broken, docstring, listed, quoted

#: The parameters of a function that does not say what it takes.
_ANYTHING: Final = (
    Parameter(name="args", kind=inspect.Parameter.VAR_POSITIONAL),
    Parameter(name="kwargs", kind=inspect.Parameter.VAR_KEYWORD),
)
#: Longest default that is shown.
_LONGEST_DEFAULT: Final = 60
_STARS: Final = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def declaration(function: Function, name: str, models: Models) -> list[str]:
    """Return the lines that declare a function.

    Args:
        function: What is declared.
        name: Its name in the module.
        models: Names the types that its signature needs.
    """
    parameters = _ANYTHING if function.parameters is None else function.parameters
    annotator = Annotator(models, function.definitions, Way.ARGUMENT)
    types = [annotator.type_of(one.schema, f"{function.name} {one.name}") for one in parameters]
    results = Annotator(models, function.definitions, Way.RESULT)
    returns = results.type_of(function.returns, f"{function.name} Result")
    return [
        f"@stub({quoted(function.name)})",
        *_signature(name, list(_written(parameters, types, function.definitions)), returns),
        *docstring(_text(function), "    "),
        "    raise NotImplementedError",
    ]


def _signature(name: str, parameters: Sequence[tuple[str, str, str]], returns: str) -> list[str]:
    line = f"async def {name}({', '.join(''.join(one) for one in parameters)}) -> {returns}:"
    if len(line) <= WIDTH or not parameters:
        return [line]
    broken_up = [line for before, type_, after in parameters for line in _parameter(before, type_, after)]
    return [f"async def {name}(", *broken_up, f") -> {returns}:"]


def _parameter(before: str, type_: str, after: str) -> list[str]:
    return broken(f"    {before}", type_, f"{after},") if type_ else [f"    {before},"]


def _written(
    parameters: Sequence[Parameter], types: Sequence[str], definitions: Definitions
) -> Iterator[tuple[str, str, str]]:
    """Yield what stands before, in and after the annotation of each parameter; `/` and `*` have none."""
    kinds = [one.kind for one in parameters]
    slash_after = kinds.count(inspect.Parameter.POSITIONAL_ONLY)
    star_is_needed = inspect.Parameter.VAR_POSITIONAL not in kinds
    for number, (one, type_) in enumerate(zip(parameters, types, strict=True), 1):
        if one.kind is inspect.Parameter.KEYWORD_ONLY and star_is_needed:
            yield "*", "", ""
            star_is_needed = False
        yield f"{_STARS.get(one.kind, '')}{one.name}: ", type_, _default(one, definitions)
        if number == slash_after:
            yield "/", "", ""


def _default(parameter: Parameter, definitions: Definitions) -> str:
    """Return ` = …`: the default itself where the signature can show it."""
    return "" if parameter.required else f" = {_shown(parameter, definitions) or 'DEFAULT'}"


def _shown(parameter: Parameter, definitions: Definitions) -> str:
    """Return the default as Python reads it; empty where it is long, has parts, or is not of the type."""
    value = parameter.default
    if not (value is None or isinstance(value, str | int | float)):
        return ""
    written = quoted(value) if isinstance(value, str) else repr(value)
    return (
        written if len(written) <= _LONGEST_DEFAULT and allows(parameter.schema, definitions, value) else ""
    )


def _text(function: Function) -> str:
    """Return the docstring: the function's own, what its parameters mean, and what it returns."""
    sections = [function.description.strip() or f"Run `{function.name}` in a worker."]
    if function.parameters is None:
        sections.append("The gateway does not know its parameters.")
    meanings = {one.name: _meaning(one, function.definitions) for one in function.parameters or ()}
    if any(meanings.values()):
        sections.append(
            "\n".join(["Args:", *(listed(name, text) for name, text in meanings.items() if text)])
        )
    if function.returns_description.strip():
        sections.append(f"Returns:\n{listed('', function.returns_description)}")
    return "\n\n".join(sections)


def _meaning(parameter: Parameter, definitions: Definitions) -> str:
    """Return what a parameter means; also its default, if the signature cannot show it."""
    text = parameter.description.strip()
    if parameter.required or parameter.default is NO_DEFAULT or _shown(parameter, definitions):
        return text
    written = orjson.dumps(parameter.default).decode()
    if len(written) > _LONGEST_DEFAULT:
        return text
    return f"{text}{'' if text.endswith(('.', '!', '?')) or not text else '.'} By default {written}.".strip()
