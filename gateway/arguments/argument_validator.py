"""Compiles the schemas of one function to one validator of its bound arguments."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import thread_time
from typing import Any, Final

import orjson
from jsonschema_rs import Draft202012Validator, RegexOptions

from jobgate.broker import ArgumentBinder, FunctionDocument, Parameter, ParameterKind, Schema, is_signature
from jobgate.gateway.arguments.argument_errors import ErrorSearch
from jobgate.gateway.arguments.checkable_schema import PLAIN, Trimmer, Uncheckable, schemas_in
from jobgate.gateway.arguments.schema_weight import Weight, weight
from jobgate.gateway.arguments.union_errors import Error
from jobgate.gateway.arguments.value_formats import FORMATS

#: Parameters of one function, and those that a line names.
_MOST_PARAMETERS: Final = 500
_MOST_NAMED: Final = 3
#: Bytes of one compiled regular expression, and seconds to compile those of a function on the event loop.
_REGEX_SIZE: Final = 1 << 20
_REGEX_TIME: Final = 0.03
#: Seconds for one call, which hold the event loop, and the largest arguments that a body can have.
_MOST_TIME: Final = 0.05
_MOST_VALUES, _MOST_CHARACTERS = 100_000, 1 << 20

#: Compiled parts of the schemas of a function, for errors.
_MOST_PARTS: Final = 256

_PATTERNS: Final = RegexOptions(size_limit=_REGEX_SIZE, dfa_size_limit=_REGEX_SIZE)


def compiled(schema: Mapping[str, Any]) -> Draft202012Validator:
    """Return a validator that fetches nothing, and whose regular expressions take linear time.

    Raises:
        Uncheckable: It is not a valid schema, or has an expression that is too large.
    """
    try:
        return Draft202012Validator(
            dict(schema),
            formats=dict(FORMATS),
            validate_formats=True,
            retriever=_refuse,
            pattern_options=_PATTERNS,
        )
    except ValueError as error:
        raise Uncheckable("its schemas are not valid") from error


def _refuse(address: str) -> Any:
    raise ValueError("nothing is fetched")


class ArgumentValidator:
    """Checks the arguments of one version of a function.

    What cannot be checked is accepted, because the worker decides in the end.

    Args:
        document: The function, as a worker published it.
    """

    def __init__(self, document: FunctionDocument) -> None:
        #: What is not checked, and why, as a line for the log; None = all is.
        self.doubt: str | None = None
        #: None = the parameters are not known.
        self.binder: ArgumentBinder | None = None
        #: What is checked of each parameter, those that accept anything left out.
        self.properties: Mapping[str, Schema] = {}
        self.definitions: Mapping[str, Schema] = {}
        #: JSON values in its schemas.
        self.size = 0
        self._validator: Draft202012Validator | None = None
        self._weight = Weight()
        self._is_light = True
        self._parts: dict[bytes, Callable[[Any], bool]] = {}
        parameters = document.parameters
        if parameters is None:
            return
        if len(parameters) > _MOST_PARAMETERS or not is_signature(parameters):
            self.doubt = _doubt(document, "no function in Python has such parameters")
            return
        self.binder = ArgumentBinder(parameters)
        try:
            self._compile(document, parameters)
        except Uncheckable as error:
            self.properties = {}
            self.doubt = _doubt(document, str(error))

    def _compile(self, document: FunctionDocument, parameters: Iterable[Parameter]) -> None:
        schemas = _Schemas(document.definitions)
        unchecked: dict[str, str] = {}
        for one in parameters:
            try:
                schemas.add(one.name, _schema_of(one))
            except Uncheckable as error:
                unchecked[one.name] = str(error)
        if unchecked:
            self.doubt = _doubt(document, next(iter(unchecked.values())), list(unchecked))
        if schemas.properties:
            self._validator = compiled({"properties": schemas.properties, "$defs": schemas.definitions})
            self.properties, self.definitions = schemas.properties, schemas.definitions
            self.size, self._weight = schemas.size, schemas.weight
            self._is_light = self._weight.seconds(_MOST_VALUES, _MOST_CHARACTERS) <= _MOST_TIME

    def accepts(self, bound: Mapping[str, Any]) -> bool:
        """Return whether bound arguments are accepted."""
        if self._validator is None or not (self._is_light or self._is_quick(bound)):
            return True
        try:
            return self._validator.is_valid(bound)
        except ValueError:  # a value that it cannot read
            return True

    def errors(self, bound: Mapping[str, Any], seconds: float) -> list[Error]:
        """Return what is wrong with bound arguments that are not accepted: at least one error.

        Args:
            bound: The arguments.
            seconds: How long the search may take.
        """
        return ErrorSearch(self.definitions, self._part, seconds).find(self.properties, bound)

    def _part(self, schema: Mapping[str, Any]) -> Callable[[Any], bool]:
        """Return the check of a part of the schemas."""
        key = orjson.dumps(schema)
        if key not in self._parts:
            if len(self._parts) >= _MOST_PARTS:
                self._parts.clear()
            definitions = {} if schema.keys() <= PLAIN else {"$defs": self.definitions}
            self._parts[key] = compiled({**schema, **definitions}).is_valid
        return self._parts[key]

    def _is_quick(self, bound: Mapping[str, Any]) -> bool:
        values, characters, pending = 0, 0, [bound]
        while pending:
            value: Any = pending.pop()
            values += 1
            if isinstance(value, str):
                characters += len(value)
            elif isinstance(value, dict):
                values += len(value)
                pending += value.values()
            elif isinstance(value, list):
                pending += value
        return self._weight.seconds(values, characters) <= _MOST_TIME


def _schema_of(parameter: Parameter) -> Schema:
    """Return the schema of what is bound to a parameter."""
    schema = parameter.schema
    if parameter.kind is ParameterKind.VAR_POSITIONAL:
        return {"items": schema}
    if parameter.kind is ParameterKind.VAR_KEYWORD:
        return {"additionalProperties": schema}
    return schema


class _Schemas:
    """Collects the schemas of parameters that can be checked."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._trimmer = Trimmer(definitions)
        self._expressions: set[str] = set()
        self._expression_time = 0.0
        self.properties: dict[str, Schema] = {}
        self.weight = Weight()

    @property
    def definitions(self) -> Mapping[str, Schema]:
        """What the schemas refer to."""
        return self._trimmer.used

    @property
    def size(self) -> int:
        """How many JSON values the schemas have."""
        return self._trimmer.values

    def add(self, name: str, schema: Schema) -> None:
        """Take the schema of a parameter; raises `Uncheckable`, and leaves nothing of it."""
        before = dict(self.definitions)
        try:
            trimmed = self._trimmer.trim(schema)
            added = weight(trimmed, self.definitions)
            self._compile_expressions(trimmed)
            for definition in self.definitions.keys() - before.keys():
                self._compile_expressions(self.definitions[definition])
        except Uncheckable:
            self._trimmer.used = before
            raise
        if trimmed is not True:
            self.properties[name] = trimmed
            self.weight |= added

    def _compile_expressions(self, schema: Schema) -> None:
        """Compile the regular expressions one by one: all of them together could take too long."""
        for one in schemas_in(schema):
            for expression in (one.get("pattern"), *one.get("patternProperties", ())):
                if not isinstance(expression, str) or expression in self._expressions:
                    continue
                began = thread_time()
                compiled({"pattern": expression})
                self._expression_time += thread_time() - began
                if self._expression_time > _REGEX_TIME:
                    raise Uncheckable("its regular expressions take too long to compile")
                self._expressions.add(expression)


def _doubt(document: FunctionDocument, why: str, parameters: Sequence[str] = ()) -> str:
    named = ", ".join(repr(one[:64]) for one in parameters[:_MOST_NAMED])
    what = f"the arguments {named} of" if named else "arguments of"
    return f"{what} {document.name[:128]} are not checked: {why}"
