"""Functions as they are published and checked: signature, type hints and docstring, put together."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args

from jobgate.broker import Parameter, ParameterKind, Schema, printable
from jobgate.worker.functions.docstrings import FunctionText, read_docstring
from jobgate.worker.functions.parameters import read_parameters
from jobgate.worker.functions.signatures import signature_of
from jobgate.worker.hints import (
    RETURN,
    AdapterCache,
    Hints,
    UnusableHint,
    is_unpacked,
    members_of,
    merged,
    read_hints,
)

if TYPE_CHECKING:  # it imports pydantic
    from jobgate.worker.hints.hint_adapters import HintAdapter

_NULL = {"type": "null"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """What is known of one function."""

    #: With their schemas, and without `ctx`; None = the signature is not known.
    parameters: tuple[Parameter, ...] | None = None
    returns: Schema = True
    text: FunctionText = field(default_factory=FunctionText)
    #: Name of a parameter, or "return" -> what pydantic made of its hint.
    adapters: "Mapping[str, HintAdapter]" = field(default_factory=dict)
    #: Name -> the schemas that the others refer to.
    definitions: Mapping[str, Schema] = field(default_factory=dict)
    #: Name of a parameter, or "return" -> why its hint is not used.
    unusable: dict[str, str] = field(default_factory=dict)

    @property
    def problem(self) -> str | None:
        """A sentence on hints that are not used; None = all are."""
        if not self.unusable:
            return None
        hints = "; ".join(f"{name}: {' '.join(text.split())}" for name, text in self.unusable.items())
        return f"accepts anything where a type hint cannot be used ({printable(hints)})"


def describe(call: Callable[..., Any], cache: AdapterCache | None) -> Description:
    """Return the description of a function.

    Args:
        call: The function.
        cache: The adapters of the worker's hints; None = make no use of hints.
    """
    text, signature = read_docstring(call), signature_of(call)
    if signature is None:
        return Description(text=text)
    parameters = read_parameters(signature)
    if cache is None:
        return Description(parameters=_with_texts(parameters, text), text=text)
    hints = read_hints(call, signature)
    unusable = {name: why for name, why in hints.unknown.items() if _is_ours(name, parameters)}
    named, values = _with_hints(parameters, hints)
    adapters = _adapters(values, cache, unusable)
    schemas, definitions = _schemas(adapters)
    typed = (replace(one, schema=schemas.get(one.name) or True) for one in named)
    returned = schemas.get(RETURN) or True
    return Description(
        parameters=_with_texts(typed, text),
        returns=_NULL if hints.known.get(RETURN) is type(None) else returned,
        text=text,
        adapters=adapters,
        definitions=definitions,
        unusable=unusable,
    )


def _is_ours(name: str, parameters: Iterable[Parameter]) -> bool:
    """Whether a hint is of use: that of `ctx` is not."""
    return name == RETURN or any(one.name == name for one in parameters)


def _with_hints(parameters: Iterable[Parameter], hints: Hints) -> tuple[list[Parameter], dict[str, Any]]:
    """Return the parameters, and by name the hints that are to be used."""
    found: list[Parameter] = []
    values: dict[str, Any] = {}
    for one in parameters:
        hint = hints.known.get(one.name, Any)
        for each, its_hint in _unpacked(one, *get_args(hint)) if is_unpacked(hint) else [(one, hint)]:
            found.append(each)
            values[each.name] = its_hint
    if (returned := hints.known.get(RETURN, Any)) is not type(None):
        values[RETURN] = returned
    return found, {name: hint for name, hint in values.items() if hint is not Any}


def _unpacked(parameter: Parameter, hint: Any) -> Iterator[tuple[Parameter, Any]]:
    """Yield the keyword arguments of `**kwargs: Unpack[SomeTypedDict]`, each with its hint."""
    if parameter.kind is not ParameterKind.VAR_KEYWORD or not hasattr(hint, "__required_keys__"):
        yield parameter, Any
        return
    for name, (its_hint, required) in members_of(hint).items():
        yield Parameter(name=name, kind=ParameterKind.KEYWORD_ONLY, required=required), its_hint


def _adapters(
    hints: Mapping[str, Any], cache: AdapterCache, unusable: dict[str, str]
) -> "dict[str, HintAdapter]":
    """Return the adapters of hints, and note which hints cannot be used."""
    made: dict[str, HintAdapter] = {}
    for name, hint in hints.items():
        try:
            adapter = cache.of(hint)
            _ = adapter.result if name == RETURN else adapter.argument
        except UnusableHint as error:
            if text := str(error):
                unusable[name] = text
        else:
            made[name] = adapter
    return made


def _schemas(adapters: "Mapping[str, HintAdapter]") -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schemas by name, and the definitions that they refer to."""
    names = sorted(adapters, key=RETURN.__eq__)
    arguments = [adapters[name].argument for name in names if name != RETURN]
    found = merged(arguments, adapters[RETURN].result if RETURN in adapters else None)
    if found is None:
        # Classes of one name: pydantic finds names for them that tell them apart.
        from jobgate.worker.hints.hint_adapters import described_together  # noqa: PLC0415 - imported already

        together = described_together(
            [("serialization" if name == RETURN else "validation", adapters[name]) for name in names]
        )
        found = (
            [one.schema for one in together],
            {name: schema for one in together for name, schema in one.definitions.items()},
        )
    schemas, definitions = found
    return dict(zip(names, schemas, strict=True)), definitions


def _with_texts(parameters: Iterable[Parameter], text: FunctionText) -> tuple[Parameter, ...]:
    """Return parameters with their descriptions: those of the docstring, or else of an annotated hint."""
    return tuple(
        replace(one, description=text.parameters.get(one.name, _own_description(one.schema)))
        for one in parameters
    )


def _own_description(schema: Schema) -> str | None:
    return schema.get("description") if isinstance(schema, dict) and "$ref" not in schema else None
