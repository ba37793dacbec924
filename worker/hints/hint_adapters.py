"""pydantic's side of type hints: what validates a value, what makes it plain data, and what describes it.

Importing it imports pydantic, which takes a while: only for workers whose functions have hints.
"""

from collections import abc
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any, get_args, get_origin

import orjson
from pydantic import ConfigDict, EncodedBytes, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from pydantic_core import CoreConfig, SchemaSerializer, SchemaValidator

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
        except PydanticSchemaGenerationError as error:  # a class that is no data
            raise UnusableHint from error
        except PydanticUserError as error:
            raise UnusableHint(error.message) from error
        except Exception as error:  # pydantic's other errors, and those of a type's own code
            raise UnusableHint(f"{type(error).__name__}: {error}") from error
        _spread_config(self.core_schema)

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
        orjson.dumps(made)  # what the user's own parts of schemas hold, it may not hold
    except Exception as error:  # a type's own code
        raise UnusableHint(f"{type(error).__name__}: {error}") from error
    if made is None:
        raise UnusableHint
    return made


def _usable(hint: Any) -> Any:
    """Return a hint that pydantic takes as it is meant."""
    if get_origin(hint) is abc.Iterable:
        # pydantic would check the elements of others than lists as the function runs.
        return list[get_args(hint)]  # type: ignore[misc]
    if get_origin(hint) is Annotated:
        # It decodes base64, which is done here already.
        kept = [each for each in get_args(hint) if not isinstance(each, EncodedBytes)]
        return Annotated[tuple(kept)] if len(kept) > 1 else kept[0]
    return hint


def _spread_config(schema: Any) -> None:
    """Give dataclasses without settings those of the function; pydantic gives them only to TypedDicts."""
    if isinstance(schema, list):
        for one in schema:
            _spread_config(one)
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    # Those of models and of pydantic's own dataclasses belong to their classes.
    if kind == "model" or (kind == "dataclass" and "__pydantic_core_schema__" in vars(schema["cls"])):
        return
    if kind == "dataclass":
        with suppress(KeyError, TypeError):
            schema["config"] |= _CORE_CONFIG
    for key, one in schema.items():
        if key not in ("metadata", "serialization"):
            _spread_config(one)
