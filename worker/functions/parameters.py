"""Parameters of functions as they are published: names, kinds and defaults, without `ctx`."""

import contextlib
import inspect
import math
from collections.abc import Iterator
from typing import Any

import orjson

from jobgate.broker import NO_DEFAULT, Parameter, ParameterKind


def read_parameters(signature: inspect.Signature) -> tuple[Parameter, ...]:
    """Return the parameters after `ctx`, without their schemas."""
    return tuple(_parameters(signature))


def _parameters(signature: inspect.Signature) -> Iterator[Parameter]:
    has_ctx = False
    for one in signature.parameters.values():
        # `*args` takes `ctx`, too, and all that follows.
        if not has_ctx and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD):
            has_ctx = True
            continue
        is_single = one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        yield Parameter(
            name=one.name,
            kind=ParameterKind(one.kind.name.lower()),
            required=is_single and one.default is one.empty,
            default=NO_DEFAULT if one.default is one.empty else plain_default(one.default),
        )


def plain_default(value: Any) -> Any:
    """Return a default as plain data; `NO_DEFAULT` where JSON cannot hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return NO_DEFAULT
    if isinstance(value, set | frozenset):
        # In an order that all workers share: the document is named by its digest.
        value = sorted(value, key=repr)
    with contextlib.suppress(Exception):  # reading it may run code of its class
        return orjson.loads(orjson.dumps(value, default=_by_pydantic))
    return NO_DEFAULT


def _by_pydantic(value: Any) -> Any:
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - takes a while, and few defaults need it

    return to_jsonable_python(value, bytes_mode="base64", by_alias=True)
