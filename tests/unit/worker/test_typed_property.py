"""Generated signatures and arguments: nothing passes the gateway's check and fails in the worker.

Whatever pydantic takes of JSON, the gateway accepts, apart from what the rules of `why_stricter` name.
"""

import functools
import os
from collections import abc
from collections.abc import Callable
from typing import Any, Optional, Union

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from harness.hints.agreement import Door, P, function_of, is_left_to_worker, sent, why_stricter
from harness.hints.table import ROWS

EXAMPLES = 4_000 if os.environ.get("JOBGATE_TEST_LONG") == "1" else 60


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


#: Elements of an Iterable inside of other types are converted as the function runs.
HINTS = [hint for hint, _, _ in ROWS if getattr(hint, "__origin__", None) is not abc.Iterable]
GOOD = {repr(hint): [given for given, _ in good] for hint, good, _ in ROWS}
ANY = [value for _, good, bad in ROWS for value in [*(given for given, _ in good), *bad]]
#: Hints of which a set or the keys of a dict can be; those of anything take lists too.
KEYS = [
    hint
    for hint, good, _ in ROWS
    if hint not in (Any, object) and good and all(_is_hashable(value) for _, value in good)
]
TEXT = st.text(max_size=8) | st.sampled_from([value for value in ANY if isinstance(value, str)])
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


KINDS = (P.POSITIONAL_ONLY, P.POSITIONAL_OR_KEYWORD, P.VAR_POSITIONAL, P.KEYWORD_ONLY, P.VAR_KEYWORD)


def of(generic: Any) -> Callable[[Any], Any]:
    """Return what makes `generic[…]`."""
    return lambda arguments: generic[arguments]


@functools.cache
def hints(depth: int = 2) -> st.SearchStrategy[Any]:
    simple = st.sampled_from(HINTS)
    if depth == 0:
        return simple
    inner, key = hints(depth - 1), st.sampled_from(KEYS)
    return st.one_of(
        simple,
        inner.map(of(list)),
        st.tuples(st.just(str), inner).map(of(dict)),
        inner.map(of(Optional)),
        key.map(of(set)),
        st.tuples(key, st.just(int)).map(of(dict)),
        st.tuples(inner, inner).map(of(tuple)),
        st.tuples(inner, inner).map(of(Union)),
    )


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values that fit a hint, almost do, or do not at all."""
    return st.one_of(near(hint), near(hint), st.sampled_from(ANY), JSON)


def near(hint: Any) -> st.SearchStrategy[Any]:
    if good := GOOD.get(repr(hint)):
        return st.sampled_from(good)
    origin: Any = getattr(hint, "__origin__", None)
    args: Any = getattr(hint, "__args__", ())
    if origin in (list, set):
        return st.lists(values(args[0]), max_size=3)
    if origin is dict:
        names = near(args[0]).map(lambda one: one if isinstance(one, str) else str(one).lower())
        return st.dictionaries(names | TEXT, values(args[1]), max_size=3)
    if origin is tuple:
        return st.tuples(*map(values, args)).map(list)
    return st.one_of(*map(values, args)) if origin is Union else JSON


@st.composite
def calls(draw: st.DrawFn) -> tuple[list[P], list[Any], dict[str, Any]]:
    """Return parameters, and arguments that can often be bound to them."""
    kinds = sorted(draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4)))
    parameters: list[P] = []
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    has_default = False
    for at, kind in enumerate(kinds):
        if any(one.kind is kind for one in parameters) and kind in (P.VAR_POSITIONAL, P.VAR_KEYWORD):
            continue
        hint = draw(hints())
        default: Any = P.empty
        if kind in (P.POSITIONAL_ONLY, P.POSITIONAL_OR_KEYWORD):
            has_default = has_default or draw(st.booleans())
            default = None if has_default else P.empty
        parameters.append(P(f"p{at}", kind, annotation=hint, default=default))
        value = draw(values(hint))
        if kind is P.VAR_KEYWORD:
            kwargs |= {"more": value}
        elif kind is P.KEYWORD_ONLY or (kind is P.POSITIONAL_OR_KEYWORD and draw(st.booleans())):
            kwargs[f"p{at}"] = value
        else:
            args.append(value)
    return parameters, args, kwargs


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 1000, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(calls())
def test_gateway_and_worker_agree(call: tuple[list[P], list[Any], dict[str, Any]]) -> None:
    parameters, args, kwargs = call
    args, kwargs = sent(args), sent(kwargs)
    door = Door(function_of(parameters))
    got = door.converted(args, kwargs)
    accepted = door.accepts(args, kwargs)
    if accepted and got is None:
        assert is_left_to_worker([one.annotation for one in parameters], [args, kwargs])
    if got is not None and not accepted:
        assert why_stricter(*door.side_by_side((args, kwargs), got))
