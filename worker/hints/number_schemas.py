"""JSON Schemas of numbers within bounds, from pydantic's own schemas of them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from jobgate.broker import KnownPattern
from jobgate.worker.hints import number_patterns

#: Whole numbers of 64 bits: bodies hold no others.
LEAST, MOST = -(2**63), 2**63 - 1
#: Powers of ten that are floats.
_MOST_EXPONENT = 308
_NAMES = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def bounds(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits of numbers, without infinite ones."""
    given = {name: schema[key] for key, name in _NAMES.items() if schema.get(key) is not None}
    plain = {name: one if _is_plain(one) else float(one) for name, one in given.items()}
    return {name: one for name, one in plain.items() if abs(one) != float("inf")}


def _is_plain(bound: Any) -> bool:
    """Whether JSON holds a limit exactly as it is."""
    return isinstance(bound, float) or (isinstance(bound, int) and LEAST <= bound <= MOST)


def bound_patterns(numbers: Mapping[str, Any]) -> list[str]:
    """Return the patterns of numerals within the bounds that a JSON Schema of numbers has."""
    found = []
    for name, one in numbers.items():
        if name in ("minimum", "exclusiveMinimum") and one != LEAST:
            found.append(number_patterns.at_least(Decimal(str(one)), inclusive=name == "minimum"))
        elif name in ("maximum", "exclusiveMaximum") and one != MOST:
            found.append(number_patterns.at_most(Decimal(str(one)), inclusive=name == "maximum"))
    return found


def decimal_text(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a Decimal as text. Whether it is a multiple is left to the worker."""
    patterns = bound_patterns(
        {name: schema[key] for key, name in _NAMES.items() if schema.get(key) is not None}
    )
    most, places = schema.get("max_digits"), schema.get("decimal_places")
    if most is not None or places is not None:
        patterns.append(number_patterns.digits(most=most, places=places))
    if not patterns:
        return {"type": "string", "pattern": KnownPattern.ANY_DECIMAL.value}
    return {
        "type": "string",
        "pattern": KnownPattern.PLAIN_DECIMAL.value,
        "allOf": [{"pattern": one} for one in patterns],
    }


def decimal_digits(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `multiple_of`, `max_digits` and `decimal_places` say of a JSON number."""
    most, places, step = schema.get("max_digits"), schema.get("decimal_places"), schema.get("multiple_of")
    parts: list[dict[str, Any]] = []
    if step is not None:
        most_steps = float(step) * 1e25  # Python divides with 28 digits
        parts.append({"multipleOf": float(step), "minimum": -most_steps, "maximum": most_steps})
    if most is not None:
        fraction = 0 if places is None else min(places, most)
        if most - fraction <= _MOST_EXPONENT:
            # As a float: JSON holds no whole numbers of so many digits.
            beyond = float(10 ** (most - fraction))
            parts.append({"exclusiveMinimum": -beyond, "exclusiveMaximum": beyond})
    if places is not None or most is not None:
        parts.append({"multipleOf": float(Decimal(1).scaleb(-(places or 0)))})
    return {"allOf": parts} if parts else {}
