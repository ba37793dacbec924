"""`jobgate functions`: what can be called."""

import shlex
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import click

from jobgate.cli.calls import FUNCTION_OR_PATTERN
from jobgate.cli.remote import Connection, RefusedError, RemoteCommand, connection_options, run
from jobgate.cli.stubs import default_of, signature_of, type_of
from jobgate.cli.terminal import Column, Output, output_options

if TYPE_CHECKING:
    from jobgate.client import Client, FunctionInfo, FunctionParameter

_NOTHING: Final = (
    "No functions: no live worker offers any, or the key may call none. Workers of stock arq publish none."
)


def _first_line(function: "FunctionInfo") -> str:
    return (function.description or "").strip().partition("\n")[0]


_COLUMNS: Final = (
    Column("function", signature_of, fold=True),
    Column("description", _first_line, fold=True),
    Column("workers", right=True),
)


@click.command(
    "functions",
    cls=RemoteCommand,
    epilog="""\b
Examples:
  jobgate functions
  jobgate functions send_invoice
  jobgate functions 'send_*' --json | jq -r .name""",
)
@FUNCTION_OR_PATTERN
@output_options
@connection_options
def command(name: str | None, connection: Connection, output: Output) -> None:
    """Show the functions that live workers offer, or everything known about one."""

    async def show(client: "Client") -> None:
        functions = await client.functions()
        if name is None or any(sign in name for sign in "*?["):
            found = [one for one in functions if name is None or fnmatchcase(one.name, name)]
            output.records(found, _COLUMNS, nothing=_NOTHING)
        else:
            function = _named(name, functions)
            output.facts(function, list(_facts(function)))

    run(connection, show)


def _named(name: str, functions: Sequence["FunctionInfo"]) -> "FunctionInfo":
    found = next((one for one in functions if one.name == name), None)
    if found is not None:
        return found
    import difflib  # noqa: PLC0415 - only for a message

    near = difflib.get_close_matches(name, [one.name for one in functions], n=1)
    advice = f"did you mean {near[0]!r}?" if near else "`jobgate functions` lists those there are."
    raise RefusedError(f"No worker offers {name!r}: {advice}")


def _facts(function: "FunctionInfo") -> Iterator[tuple[str, object]]:
    yield "function", signature_of(function)
    yield "", function.description
    for one in function.parameters or ():
        yield one.name, _meaning(one, function)
    yield "returns", _joined(type_of(function.returns, function), function.returns_description)
    yield "timeout", "none" if function.timeout is None else f"{function.timeout:g} s"
    yield "max tries", function.max_tries
    yield "queues", function.queues
    yield "workers", function.workers
    if function.versions > 1:
        yield "versions", f"{function.versions} are live"
    required = [
        f" {one.name}=…" for one in function.parameters or () if one.required and "var" not in one.kind
    ]
    yield "call it", f"jobgate call {shlex.quote(function.name)}{''.join(required)}"


def _meaning(parameter: "FunctionParameter", function: "FunctionInfo") -> str:
    default = "" if parameter.required or not parameter.has_default else f" = {default_of(parameter)}"
    return _joined(f"{type_of(parameter.schema, function)}{default}", parameter.description)


def _joined(kind: str, description: str | None) -> str:
    return f"{kind}: {description}" if description else kind
