"""JSON Schemas of arguments and results, by pydantic's generator with cures of our own.

pydantic describes its types for readers. The gateway refuses jobs by these schemas, so that here they say
what pydantic accepts: never more, and not much less. What is less is listed in docs/typed-functions.md.
"""

import contextlib
import functools
import math
import operator
from collections.abc import Iterator, Sequence
from enum import Flag, IntFlag
from typing import Any

import orjson
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import PydanticSerializationError, core_schema

from jobgate.broker import KnownPattern
from jobgate.worker.hints import number_schemas, text_patterns
from jobgate.worker.hints.definitions import Described, only_needed

_LENGTHS_OF_OBJECTS = {"min_length": "minProperties", "max_length": "maxProperties"}
_SCALARS = (str, int, float, bool, type(None))
#: A JSON value that Python can put into a set.
_HASHABLE = {"type": ["string", "number", "boolean", "null"]}
#: Flags of which all combinations are listed.
_MOST_FLAGS = 8
_NOTHING: dict[str, Any] = {"not": {}}


def described(
    inputs: Sequence[tuple[JsonSchemaMode, core_schema.CoreSchema]],
) -> list[Described] | None:
    """Return the schemas of the elements of lists; None where JSON has no form for one of them.

    Args:
        inputs: Whether arguments or results are described, and pydantic's schema of a list of them.
    """
    generator = _Generator()
    schemas, definitions = generator.schemas(inputs)
    if generator.met_unknown:
        return None
    return [only_needed(one["items"], definitions) for one in schemas]


class _Generator(GenerateJsonSchema):
    """Generates schemas; used once."""

    def __init__(self) -> None:
        super().__init__(by_alias=True)
        #: Whether something was met that JSON has no form for, such as a class without fields.
        self.met_unknown = False
        self._core_definitions: dict[str, Any] = {}
        #: Whether the settings of a class apply, and not those of the function.
        self._in_class = False

    def schemas(
        self, inputs: Sequence[tuple[JsonSchemaMode, core_schema.CoreSchema]]
    ) -> tuple[list[dict[str, Any]], dict[Any, dict[str, Any]]]:
        """Return the schema of each input, and the definitions that they refer to."""
        keyed = [(str(at), mode, schema) for at, (mode, schema) in enumerate(inputs)]
        made, definitions = self.generate_definitions(keyed)
        for name, definition in definitions.items():
            if self._repeats(definition.get("title"), name):
                del definition["title"]
        return [made[key, mode] for key, mode, _ in keyed], dict(definitions)

    def _repeats(self, title: object, name: str) -> bool:
        """Whether a title only repeats the name of its class, which is in the name of the definition."""
        of_class = name.removesuffix("-Input").removesuffix("-Output").rpartition("__")[2]
        return isinstance(title, str) and self.normalize_name(title) in (name, of_class)

    def sort(self, value: Any, parent_key: str | None = None) -> Any:
        """Leave the order as it is: documents are sorted as they are stored."""
        return value

    def generate_inner(self, schema: Any) -> Any:
        """Return a schema, with a pattern where it has a format that only pydantic knows."""
        made = super().generate_inner(schema)
        if schema["type"] == "uuid" and "version" in schema:
            made = made | {"format": "uuid", "pattern": text_patterns.uuid(schema["version"])}
        elif made.get("format") == "fraction" and "pattern" not in made:  # before pydantic 2.14
            made = made | {"pattern": KnownPattern.FRACTION.value}
        elif made.get("format") in text_patterns.ENCODED and "pattern" not in made:
            made = made | {"pattern": text_patterns.ENCODED[made["format"]]}
        return made

    # -- what has no schema

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Any:
        """Accept anything where JSON has no form for a value."""
        self.met_unknown = True
        return {}

    def is_subclass_schema(self, schema: Any) -> Any:
        """Accept anything: JSON has no classes."""
        return self.handle_invalid_for_json_schema(schema, "a class")

    def emit_warning(self, kind: Any, detail: str) -> None:
        """Say nothing: it concerns defaults that JSON cannot hold."""

    # -- numbers

    def int_schema(self, schema: core_schema.IntSchema) -> Any:
        """Whole numbers of 64 bits, which is what bodies can hold."""
        made: dict[str, Any] = {"type": "integer"} | number_schemas.bounds(schema)
        if "multiple_of" in schema:
            made["multipleOf"] = schema["multiple_of"]
        if not made.keys() & {"minimum", "exclusiveMinimum"}:
            made["minimum"] = number_schemas.LEAST
        if made.get("maximum", made.get("exclusiveMaximum", math.inf)) > number_schemas.MOST:
            made.pop("exclusiveMaximum", None)
            made["maximum"] = number_schemas.MOST
        return made

    def encode_default(self, dft: Any) -> Any:
        """Return a default as JSON; one that JSON cannot hold is left out."""
        made = super().encode_default(dft)
        try:
            orjson.dumps(made)
        except TypeError as error:
            raise PydanticSerializationError(str(error)) from error
        return made

    def float_schema(self, schema: core_schema.FloatSchema) -> Any:
        """Numbers. `multiple_of` is left to the worker: it allows for rounding, JSON Schema does not."""
        return {"type": "number"} | number_schemas.bounds(schema)

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> Any:
        """Numbers, or text that keeps all digits; both within the bounds."""
        text = number_schemas.decimal_text(schema)
        if self.mode == "serialization":
            return {"type": "string", "pattern": KnownPattern.ANY_DECIMAL.value}
        number = {"type": "number"} | number_schemas.bounds(schema) | number_schemas.decimal_digits(schema)
        return {"anyOf": [number, text]}

    def fraction_schema(self, schema: Any) -> Any:
        """Text such as `2/3`, and numbers, where there are no bounds."""
        text = {"type": "string", "pattern": KnownPattern.FRACTION.value}
        if self.mode == "serialization":
            return text
        number = {"type": "number"} | number_schemas.bounds(schema)
        return {"anyOf": [number] if len(number) > 1 else [number, text]}

    def complex_schema(self, schema: Any) -> Any:
        """Text such as `1+2j`, and numbers."""
        text = {"type": "string", "pattern": KnownPattern.COMPLEX.value}
        number = {"type": "number", "minimum": -(2**53), "maximum": 2**53}
        return text if self.mode == "serialization" else {"anyOf": [number, text]}

    # -- text

    def str_schema(self, schema: core_schema.StringSchema) -> Any:
        """Text; its pattern only where the gateway's engine gives it the same meaning."""
        made = super().str_schema(schema)
        # Before pydantic 2.14 its generator overlooks these settings of a model.
        for key, name in (("str_min_length", "minLength"), ("str_max_length", "maxLength")):
            if (length := self._config.config_dict.get(key)) is not None:
                made.setdefault(name, length)
        portable = text_patterns.portable(made.pop("pattern", None))
        if portable is not None:
            made["pattern"] = portable
        strips = schema.get("strip_whitespace", self._config.config_dict.get("str_strip_whitespace", False))
        if strips and self.mode == "validation":
            return text_patterns.stripped(made)
        return made

    def bytes_schema(self, schema: core_schema.BytesSchema) -> Any:
        """Base64, or text where a model's own settings say so."""
        at_least, at_most = schema.get("min_length"), schema.get("max_length")
        key = "val_json_bytes" if self.mode == "validation" else "ser_json_bytes"
        if self._in_class and self._config.config_dict.get(key) != "base64":
            return {"type": "string", "format": "binary"} | text_patterns.utf8_lengths(at_least, at_most)
        return {"type": "string", "contentEncoding": "base64"} | text_patterns.base64(at_least, at_most)

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> Any:
        """A date and a time; with or without an offset where the type demands that."""
        made = super().datetime_schema(schema)
        return made | text_patterns.offset(schema.get("tz_constraint")) if self.mode == "validation" else made

    def time_schema(self, schema: core_schema.TimeSchema) -> Any:
        """A time of day; with or without an offset where the type demands that."""
        made = super().time_schema(schema)
        return made | text_patterns.offset(schema.get("tz_constraint")) if self.mode == "validation" else made

    def url_schema(self, schema: core_schema.UrlSchema) -> Any:
        """A URL with one of the schemes; the worker decides the rest."""
        made = super().url_schema(schema)
        schemes = schema.get("allowed_schemes")
        return made | {"pattern": text_patterns.scheme(schemes)} if schemes else made

    # -- enumerations

    def enum_schema(self, schema: core_schema.EnumSchema) -> Any:
        """The values of an Enum that JSON can hold; of a flag, those of all combinations."""
        made = super().enum_schema(schema)
        if issubclass(schema["cls"], IntFlag):  # it takes all numbers
            return {"type": "integer", "minimum": number_schemas.LEAST, "maximum": number_schemas.MOST}
        if issubclass(schema["cls"], Flag):
            return {"type": "integer"} | _flags([one.value for one in schema["members"]])
        return _with_values(made, [one.value for one in schema["members"]])

    def literal_schema(self, schema: core_schema.LiteralSchema) -> Any:
        """The values of a Literal that JSON can hold."""
        return _with_values(super().literal_schema(schema), schema["expected"])

    # -- containers

    def tuple_schema(self, schema: core_schema.TupleSchema) -> Any:
        """Arrays of a fixed length also say what their items may be, for generators of clients."""
        made = super().tuple_schema(schema)
        at = schema.get("variadic_item_index")
        if at is not None and at + 1 < len(schema["items_schema"]):
            rest = schema["items_schema"][at:]
            made["minItems"] = max(made.get("minItems", 0), len(schema["items_schema"]) - 1)
            made["items"] = self.get_union_of_schemas([self.generate_inner(one) for one in rest])
        return self._with_items(made)

    def named_tuple_schema(self, schema: Any) -> Any:
        """The same for a named tuple."""
        return self._with_items(super().named_tuple_schema(schema))

    def p_arguments_schema(self, arguments: Any, var_args_schema: Any) -> Any:
        """The same for a named tuple, as older releases of pydantic see it."""
        return self._with_items(super().p_arguments_schema(arguments, var_args_schema))

    def _with_items(self, made: dict[str, Any]) -> dict[str, Any]:
        if "items" not in made:
            made["items"] = self.get_union_of_schemas(made["prefixItems"]) if made.get("prefixItems") else {}
        return made

    def _common_set_schema(self, schema: Any) -> Any:
        made = super()._common_set_schema(schema)
        if not made["items"] and self.mode == "validation":
            made["items"] = _HASHABLE
        return made

    def definitions_schema(self, schema: core_schema.DefinitionsSchema) -> Any:
        """Remember what references lead to."""
        self._core_definitions |= {one["ref"]: one for one in schema["definitions"]}
        return super().definitions_schema(schema)

    def dict_schema(self, schema: core_schema.DictSchema) -> Any:
        """Objects with names that can be turned into the keys."""
        return self._common_dict_schema(schema)

    def _common_dict_schema(self, schema: Any) -> Any:
        values = self.generate_inner(schema["values_schema"]) if "values_schema" in schema else {}
        made: dict[str, Any] = {"type": "object", "additionalProperties": values or True}
        keys = self._names(schema["keys_schema"]) if "keys_schema" in schema else True
        if keys is not True:
            made["propertyNames"] = keys
        return made | {name: schema[key] for key, name in _LENGTHS_OF_OBJECTS.items() if key in schema}

    def _names(self, keys: Any) -> dict[str, Any] | bool:
        """Return the schema of an object's names, which are text, from pydantic's schema of the keys."""
        keys = self._core_definitions[keys["schema_ref"]] if keys["type"] == "definition-ref" else keys
        if keys["type"] == "enum" and keys.get("sub_type") == "int":
            return {"enum": [str(one.value) for one in keys["members"]]}
        return self._as_names(self.generate_inner(keys))

    def _as_names(self, keys: dict[str, Any]) -> dict[str, Any] | bool:
        if "anyOf" in keys:
            names = [self._as_names(one) for one in keys["anyOf"]]
            return (
                True
                if any(one is True for one in names)
                else {"anyOf": [one for one in names if one] or [False]}
            )
        if "$ref" in keys or "enum" in keys or "const" in keys:
            return keys
        kind = keys.get("type")
        if kind == "string":
            return keys if len(keys) > 1 else True
        if kind is None:
            return True
        pattern = {
            "integer": KnownPattern.WHOLE.value,
            "number": KnownPattern.PLAIN_DECIMAL.value,
            "boolean": _BOOLEAN,
        }
        if kind not in pattern:
            return False  # no text is a list, an object or None
        return {"allOf": [{"pattern": one} for one in [pattern[kind], *number_schemas.bound_patterns(keys)]]}

    # -- objects

    def model_schema(self, schema: core_schema.ModelSchema) -> Any:
        """A model, which has its own settings."""
        with self._settings_of_class():
            return super().model_schema(schema)

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> Any:
        """A dataclass, which has the settings of the function if it has none."""
        if not hasattr(schema["cls"], "__pydantic_config__"):
            return super().dataclass_schema(schema)
        with self._settings_of_class():
            return super().dataclass_schema(schema)

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> Any:
        """A TypedDict, which has the settings of the function if it has none."""
        if not hasattr(schema.get("cls"), "__pydantic_config__"):
            return super().typed_dict_schema(schema)
        with self._settings_of_class():
            return super().typed_dict_schema(schema)

    @contextlib.contextmanager
    def _settings_of_class(self) -> Iterator[None]:
        before, self._in_class = self._in_class, True
        try:
            yield
        finally:
            self._in_class = before

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Set no titles that only repeat a name."""
        return False

    def field_is_present(self, field: Any) -> bool:
        """Leave out what a dataclass does not take, and what is deep inside of other members."""
        if self.mode == "validation" and _is_deep(field.get("validation_alias")):
            return False
        return super().field_is_present(field) and not (
            self.mode == "validation" and field.get("init") is False
        )

    def field_is_required(self, field: Any, total: bool) -> bool:
        """In a result, a field with a default is always there."""
        if self.mode == "serialization" and field["type"] != "typed-dict-field":
            return field.get("serialization_exclude_if") is None
        return super().field_is_required(field, total)

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> Any:
        """Demand the member that tells the choices apart, even where it has a default."""
        made = super().tagged_union_schema(schema)
        if self.mode == "validation" and "discriminator" in made:
            made["required"] = [made["discriminator"]["propertyName"]]
        return made


_BOOLEAN = "^(?:[Tt]rue|[Ff]alse|0|1)$"


def _flags(values: list[int]) -> dict[str, Any]:
    """Return what describes the combinations of flags; where they are many, their range."""
    if len(values) > _MOST_FLAGS:
        return {"minimum": 0, "maximum": functools.reduce(operator.or_, values, 0)}
    combinations = {0}
    for one in values:
        combinations |= {each | one for each in combinations}
    return {"enum": sorted(combinations)}


def _is_deep(alias: Any) -> bool:
    """Whether an alias leads into other members, and has no plain name."""
    return isinstance(alias, list) and all(isinstance(one, str | int) or len(one) > 1 for one in alias)


def _is_large(value: Any) -> bool:
    return isinstance(value, int) and not number_schemas.LEAST <= value <= number_schemas.MOST


def _with_values(made: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    """Keep the values that are plain data: pydantic does not take others from JSON."""
    scalars = [one for one in values if isinstance(one, _SCALARS) and not _is_large(one)]
    kept = [getattr(one, "value", one) for one in scalars]
    if len(kept) == len(values):
        return made
    without = {name: one for name, one in made.items() if name not in ("const", "enum", "type")}
    return without | ({"enum": kept} if kept else _NOTHING)
