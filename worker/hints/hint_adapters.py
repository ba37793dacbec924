"""pydantic's side of type hints: what validates a value, what makes it plain data, and what describes it.

Importing it imports pydantic, which takes a while: only for workers whose functions have hints.
"""

from collections import abc
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, get_args, get_origin

import orjson
from pydantic import ConfigDict, EncodedBytes, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from pydantic_core import CoreConfig, SchemaSerializer, SchemaValidator, core_schema

from jobgate.worker.hints.adapter_cache import UnusableHint
from jobgate.worker.hints.definitions import Described
from jobgate.worker.hints.schema_generator import described

_CONFIG = ConfigDict(val_json_bytes="base64", ser_json_bytes="base64")
_CORE_CONFIG = CoreConfig(val_json_bytes="base64", ser_json_bytes="base64")
#: Classes whose values JSON parsers make: such a value needs no validation.
_EXACT = (int, str, bool, float)


class HintAdapter:
    """What pydantic makes of one hint. Each part is made when it is first needed.

    Values are wrapped in a list, because pydantic takes no settings for a model or a dataclass alone.

    Args:
        hint: The hint.

    Raises:
        UnusableHint: pydantic cannot use the hint.
    """

    def __init__(self, hint: Any) -> None:
        hint = _usable(hint)
        #: Instances of exactly this class are valid as they are.
        self.exact: type | None = hint if hint in _EXACT else None
        try:
            self.core_schema: Any = TypeAdapter(list[hint], config=_CONFIG).core_schema
        except PydanticSchemaGenerationError as error:  # a class that is not data
            raise UnusableHint from error
        except PydanticUserError as error:
            raise UnusableHint(error.message) from error
        except Exception as error:  # pydantic's other errors, and those of a type's own code
            raise UnusableHint(f"{type(error).__name__}: {error}") from error
        _adapt(self.core_schema)

    @cached_property
    def validator(self) -> SchemaValidator:
        """Validates a list of one value."""
        return SchemaValidator(self.core_schema, _CORE_CONFIG)

    @cached_property
    def serializer(self) -> SchemaSerializer:
        """Makes plain data of a list of one value."""
        return SchemaSerializer(self.core_schema, _CORE_CONFIG)

    @cached_property
    def argument(self) -> Described:
        """The schema of an argument. Raises UnusableHint if JSON has no form for it."""
        return described_together([("validation", self)])[0]

    @cached_property
    def result(self) -> Described:
        """The schema of a result. Raises UnusableHint if JSON has no form for it."""
        return described_together([("serialization", self)])[0]


def described_together(adapters: Sequence[tuple[JsonSchemaMode, HintAdapter]]) -> list[Described]:
    """Return the schemas of several hints, with different names for different definitions.

    Raises:
        UnusableHint: JSON has no form for one of them.
    """
    try:
        made = described([(mode, one.core_schema) for mode, one in adapters])
        orjson.dumps(made)  # JSON may not hold what the user's own parts of schemas hold
    except Exception as error:  # a type's own code
        raise UnusableHint(f"{type(error).__name__}: {error}") from error
    if made is None:
        raise UnusableHint
    return made


def validator_of_all(adapters: Sequence[HintAdapter | None]) -> SchemaValidator | None:
    """Return what validates a list with one value for each adapter at once; None where pydantic refuses that.

    It takes half the time of one validation for each value.

    Args:
        adapters: None = any value.
    """
    items: list[Any] = []
    definitions: dict[str, Any] = {}
    for one in adapters:
        schema: Any = core_schema.list_schema() if one is None else one.core_schema
        if schema["type"] == "definitions":
            definitions |= {each["ref"]: each for each in schema["definitions"]}
            schema = schema["schema"]
        items.append(schema.get("items_schema", core_schema.any_schema()))
    together: Any = core_schema.tuple_schema(items)
    if definitions:
        together = core_schema.definitions_schema(together, list(definitions.values()))
    try:
        return SchemaValidator(together, _CORE_CONFIG)
    except Exception:  # schemas that were not made to be put together
        return None


def _usable(hint: Any) -> Any:
    """Return a hint that pydantic understands as it is meant."""
    if get_origin(hint) is abc.Iterable:
        # Elements of anything but a list would be checked only while the function reads them.
        return list[get_args(hint)]  # type: ignore[misc]
    return hint


def _adapt(schema: Any) -> None:
    """Make base64 of bytes everywhere but in classes that have settings of their own.

    pydantic gives dataclasses none of the function's settings, and `Base64Bytes` would decode twice.
    """
    if isinstance(schema, list):
        for one in schema:
            _adapt(one)
    if not isinstance(schema, dict) or _has_own_settings(schema):
        return
    if isinstance(getattr(_function_of(schema), "__self__", None), EncodedBytes):
        inner = schema["schema"]
        schema.clear()
        schema |= inner
    if schema.get("type") == "dataclass":
        with suppress(KeyError, TypeError):
            schema["config"] |= _CORE_CONFIG
    for key, one in schema.items():
        if key not in ("metadata", "serialization"):
            _adapt(one)


def _has_own_settings(schema: dict[str, Any]) -> bool:
    match schema.get("type"):
        case "model":
            return True
        case "dataclass":
            return "__pydantic_core_schema__" in vars(schema["cls"])
        case "typed-dict":
            return hasattr(schema.get("cls"), "__pydantic_config__")
    return False


def _function_of(schema: dict[str, Any]) -> object:
    """Return the validator that a schema calls after its inner one; None = it calls none."""
    return schema["function"].get("function") if schema.get("type") == "function-after" else None
