"""Functions as they are published and checked: signature, type hints and docstring, put together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args

from jobgate.broker import Parameter, ParameterKind, Schema, printable
from jobgate.worker.functions.docstrings import FunctionText, read_docstring
from jobgate.worker.functions.hints import RETURN, Hints, is_unpacked, members_of, read_hints
from jobgate.worker.functions.parameters import read_parameters
from jobgate.worker.functions.signatures import signature_of

if TYPE_CHECKING:  # it imports pydantic
    from jobgate.worker.functions.adapters import Adapters, TypedValue
    from jobgate.worker.functions.conversion import ArgumentConverter, ResultConverter

_NULL = {"type": "null"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """What is known of one function."""

    #: With their schemas, and without `ctx`; None = the signature is not known.
    parameters: tuple[Parameter, ...] | None = None
    returns: Schema = True
    text: FunctionText = field(default_factory=FunctionText)
    #: What pydantic made of the hints; None = nothing is validated.
    adapters: "Adapters | None" = None
    #: Name of a parameter, or "return" -> why its hint is not used.
    unusable: dict[str, str] = field(default_factory=dict)

    @property
    def problem(self) -> str | None:
        """A sentence on hints that are not used; None = all are."""
        if not self.unusable:
            return None
        hints = "; ".join(f"{name}: {' '.join(text.split())}" for name, text in self.unusable.items())
        return f"accepts anything where a type hint cannot be used ({printable(hints)})"


def describe(call: Callable[..., Any], *, validate: bool) -> Description:
    """Return the description of a function.

    Args:
        call: The function.
        validate: Make use of its type hints.
    """
    text, signature = read_docstring(call), signature_of(call)
    if signature is None:
        return Description(text=text)
    parameters = read_parameters(signature)
    hints = read_hints(call, signature) if validate else Hints()
    unusable = {name: why for name, why in hints.unknown.items() if _is_ours(name, parameters)}
    parameters, values = _typed(parameters, hints)
    adapters, returned = None, hints.known.get(RETURN, Any)
    if values or returned not in (Any, type(None)):
        adapters = _adapters(values, returned)
        unusable |= adapters.unusable
    schemas = adapters.schemas if adapters else {}
    return Description(
        parameters=tuple(_described(one, schemas, text) for one in parameters),
        returns=schemas.get(RETURN, True) if returned is not type(None) else _NULL,
        text=text,
        adapters=adapters,
        unusable=unusable,
    )


def _is_ours(name: str, parameters: tuple[Parameter, ...]) -> bool:
    """Whether a hint is of use: that of `ctx` is not."""
    return name == RETURN or any(one.name == name for one in parameters)


def _typed(
    parameters: tuple[Parameter, ...], hints: Hints
) -> tuple[tuple[Parameter, ...], "list[TypedValue]"]:
    """Return the parameters, and those with a hint together with it."""
    found, values = [], []
    for one in parameters:
        hint = hints.known.get(one.name, Any)
        pairs = [(one, hint)]
        if is_unpacked(hint):
            pairs = list(_unpacked(one, *get_args(hint)))
        for each, its_hint in pairs:
            found.append(each)
            if its_hint is not Any:
                values.append(_value(each, its_hint))
    return tuple(found), values


def _unpacked(parameter: Parameter, hint: Any) -> Iterator[tuple[Parameter, Any]]:
    """Yield the keyword arguments of `**kwargs: Unpack[SomeTypedDict]`, each with its hint."""
    if parameter.kind is not ParameterKind.VAR_KEYWORD or not hasattr(hint, "__required_keys__"):
        yield parameter, Any
        return
    for name, (its_hint, required) in members_of(hint).items():
        yield Parameter(name=name, kind=ParameterKind.KEYWORD_ONLY, required=required), its_hint


def _value(parameter: Parameter, hint: Any) -> "TypedValue":
    from jobgate.worker.functions.adapters import TypedValue  # noqa: PLC0415 - it imports pydantic

    if parameter.kind is ParameterKind.VAR_POSITIONAL:
        hint = list[hint]
    elif parameter.kind is ParameterKind.VAR_KEYWORD:
        hint = dict[str, hint]
    return TypedValue(parameter.name, hint, parameter.required)


def _adapters(values: "list[TypedValue]", returned: Any) -> "Adapters":
    from jobgate.worker.functions.adapters import TypedValue, adapters_of  # noqa: PLC0415 - as above

    return adapters_of(values, None if returned in (Any, type(None)) else TypedValue(RETURN, returned))


def _described(one: Parameter, schemas: dict[str, Any], text: FunctionText) -> Parameter:
    schema: Any = schemas.get(one.name) or True
    if schema is not True and one.kind is ParameterKind.VAR_POSITIONAL:
        schema = schema["items"] or True
    elif schema is not True and one.kind is ParameterKind.VAR_KEYWORD:
        schema = schema["additionalProperties"]
    own = schema.get("description") if isinstance(schema, dict) and "$ref" not in schema else None
    return replace(one, schema=schema, description=text.parameters.get(one.name, own))


def converters_of(known: Description) -> "tuple[ArgumentConverter | None, ResultConverter | None]":
    """Return what converts the arguments and the results of a function; None = nothing is to be done."""
    adapters = known.adapters
    if adapters is None or known.parameters is None:
        return None, None
    from jobgate.worker.functions.conversion import ArgumentConverter, ResultConverter  # noqa: PLC0415 - as above

    names = [one.name for one in known.parameters if one.name in adapters.schemas]
    return (
        ArgumentConverter(known.parameters, adapters.arguments, names) if adapters.arguments else None,
        ResultConverter(adapters.returns) if adapters.returns else None,
    )
