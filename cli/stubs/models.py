"""The named types of the generated module: a TypedDict for an object, an alias for anything else."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jobgate.cli.stubs.annotations import Annotator, Way, has_properties
from jobgate.cli.stubs.closures import Closures
from jobgate.cli.stubs.names import Names, in_pascal_case, is_identifier
from jobgate.cli.stubs.schemas import Definitions, members
from jobgate.cli.stubs.texts import broken, comment, docstring, quoted


@dataclass(frozen=True, slots=True)
class _Model:
    """A type that has a name and is to be written."""

    name: str
    schema: Any
    definitions: Definitions
    way: Way


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of a TypedDict."""

    name: str
    type: str
    description: str


class Models:
    """All named types of a module. Schemas that say the same, of any functions, share one.

    Args:
        names: Those of the module.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._closures = Closures()
        #: What a schema says -> the name of its type.
        self._known: dict[object, str] = {}
        #: The identity of a schema object -> its model, which keeps the object alive.
        self._seen: dict[object, _Model] = {}
        self._pending: list[_Model] = []

    def name_of(self, schema: Any, wanted: str, definitions: Definitions, way: Way) -> str:
        """Return the name of the type for a schema, which is written later."""
        identity = (id(schema), wanted, way)
        if identity not in self._seen:
            self._seen[identity] = self._model(
                schema, in_pascal_case(wanted.removesuffix("-Input")), definitions, way
            )
        return self._seen[identity].name

    def _model(self, schema: Any, wanted: str, definitions: Definitions, way: Way) -> _Model:
        closure = self._closures.of(schema, definitions)
        key = (wanted, closure.digest, way if closure.depends_on_way else None)
        is_new = key not in self._known
        if is_new:
            further = [f"{wanted}Output"] if way is Way.RESULT and not wanted.endswith("Output") else []
            self._known[key] = self._names.take(wanted, *further)
        model = _Model(self._known[key], schema, definitions, way)
        if is_new:
            self._pending.append(model)
        return model

    def write(self) -> list[list[str]]:
        """Return the lines of each type, in the order of their names."""
        written: dict[str, list[str]] = {}
        while self._pending:
            model = self._pending.pop()
            form = self._typed_dict if has_properties(model.schema) else self._alias
            written[model.name] = list(form(model))
        return [written[name] for name in sorted(written)]

    def _alias(self, model: _Model) -> Iterator[str]:
        text = self._annotator(model).type_of(model.schema, f"{model.name} Value")
        yield from comment(_description(model.schema))
        yield from broken(f"{model.name}: TypeAlias = ", self._at_run_time(text))

    def _typed_dict(self, model: _Model) -> Iterator[str]:
        fields = list(self._members(model))
        used = {word for field in fields for word in _words(field.type)}
        # In the body of a class, Python changes names with __ before them, and a member hides a type's name.
        if all(is_identifier(one.name) and not one.name.startswith("__") for one in fields) and not (
            used & {one.name for one in fields}
        ):
            yield from _as_class(model, fields)
        else:
            yield from comment(_description(model.schema))
            yield f'{model.name} = TypedDict("{model.name}", {{'
            for one in fields:
                yield from comment(one.description, "    ")
                yield f"    {quoted(one.name)}: {self._at_run_time(one.type)},"
            yield "})"

    def _members(self, model: _Model) -> Iterator[_Member]:
        annotator = self._annotator(model)
        required = [name for name in members(model.schema.get("required")) if isinstance(name, str)]
        for name, schema in model.schema["properties"].items():
            text = annotator.type_of(schema, f"{model.name} {name}")
            yield _Member(name, text if name in required else f"NotRequired[{text}]", _description(schema))

    def _annotator(self, model: _Model) -> Annotator:
        return Annotator(self, model.definitions, model.way)

    def _at_run_time(self, text: str) -> str:
        """Return a type for where Python evaluates it: a string, if it names a type that may come later."""
        return repr(text) if not self._names_of_models().isdisjoint(_words(text)) else text

    def _names_of_models(self) -> set[str]:
        return set(self._known.values())


def _as_class(model: _Model, fields: list[_Member]) -> Iterator[str]:
    yield f"class {model.name}(TypedDict):"
    if text := docstring(_description(model.schema), "    "):
        yield from [*text, ""]
    for one in fields:
        yield from comment(one.description, "    ")
        yield from broken(f"    {one.name}: ", one.type)


def _description(schema: Any) -> str:
    text = schema.get("description") if isinstance(schema, dict) else None
    return text if isinstance(text, str) else ""


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))
