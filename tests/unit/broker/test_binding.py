"""Binding of arguments, with Python itself as the oracle: functions of the same signature are called.

Not `inspect.Signature.bind`: up to Python 3.12 it refuses `f(a=1)` for `def f(a=0, /, **rest)`.
"""

import inspect
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobgate.broker import ArgumentBinder, Parameter, ParameterKind, is_signature
from jobgate.broker.catalogue.binding import MOST_MISFITS

KINDS = {
    ParameterKind.POSITIONAL_ONLY: inspect.Parameter.POSITIONAL_ONLY,
    ParameterKind.POSITIONAL_OR_KEYWORD: inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ParameterKind.VAR_POSITIONAL: inspect.Parameter.VAR_POSITIONAL,
    ParameterKind.KEYWORD_ONLY: inspect.Parameter.KEYWORD_ONLY,
    ParameterKind.VAR_KEYWORD: inspect.Parameter.VAR_KEYWORD,
}
VARIABLE = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
NAMES = ["a", "b", "c", "d", "e", "args", "kwargs", "self"]
EMPTY = inspect.Parameter.empty


@st.composite
def signatures(draw: st.DrawFn) -> tuple[list[Parameter], inspect.Signature]:
    names = draw(st.permutations(NAMES))
    kinds = sorted(draw(st.lists(st.sampled_from(list(KINDS)), max_size=6)), key=list(KINDS).index)
    ours: list[Parameter] = []
    theirs: list[inspect.Parameter] = []
    has_default = False
    for name, kind in zip(names, kinds, strict=False):
        if kind in VARIABLE and any(one.kind is kind for one in ours):
            continue
        is_optional = kind not in VARIABLE and draw(st.booleans())
        if kind is not ParameterKind.KEYWORD_ONLY and kind not in VARIABLE:
            has_default = is_optional = has_default or is_optional
        ours.append(Parameter(name=name, kind=kind, required=not is_optional and kind not in VARIABLE))
        theirs.append(inspect.Parameter(name, KINDS[kind], default=0 if is_optional else EMPTY))
    return ours, inspect.Signature(theirs)


CALLS = st.tuples(
    st.integers(0, 7).map(lambda count: [f"arg {place}" for place in range(count)]),
    st.lists(st.sampled_from([*NAMES, "f"]), unique=True, max_size=5).map(
        lambda names: {name: f"kwarg {name}" for name in names}
    ),
)


def function_of(signature: inspect.Signature) -> Callable[..., dict[str, Any]]:
    """Return a function that returns its arguments by parameter; those left out are 0, () and {}."""
    made: dict[str, Any] = {}
    exec(f"def function{signature}: return locals()", made)
    function: Callable[..., dict[str, Any]] = made["function"]
    return function


def python_binds(
    function: Callable[..., dict[str, Any]], args: list[Any], kwargs: dict[str, Any]
) -> dict[str, Any] | None:
    try:
        bound = function(*args, **kwargs)
    except TypeError:
        return None
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in bound.items() if value
    }


@settings(max_examples=200, deadline=None)
@given(signatures(), CALLS)
def test_it_binds_what_python_binds(
    signature: tuple[list[Parameter], inspect.Signature], call: tuple[list[Any], dict[str, Any]]
) -> None:
    parameters, oracle = signature[0], function_of(signature[1])
    assert is_signature(parameters)
    binder, (args, kwargs) = ArgumentBinder(parameters), call
    bound, expected = binder.bind(args, kwargs), python_binds(oracle, args, kwargs)
    assert (bound is None) == (expected is None)
    assert (binder.misfits(args, kwargs) == []) == (bound is not None)
    if bound is None or expected is None:
        check_places_of_misfits(binder, args, kwargs)
        check_what_fits(binder, args, kwargs)
        return
    assert binder.fitting(args, kwargs) == (args, kwargs)
    assert bound == expected
    assert python_binds(oracle, *binder.unbind(bound)) == expected
    check_paths(binder, bound, args, kwargs)


def check_places_of_misfits(binder: ArgumentBinder, args: list[Any], kwargs: dict[str, Any]) -> None:
    """Each misfit points to what was given, or to the list in which something is missing."""
    for misfit in binder.misfits(args, kwargs):
        where, *rest = misfit.path
        if rest:
            assert rest[0] in (kwargs if where == "kwargs" else range(len(args)))
            assert "missing" not in misfit.text
        else:
            assert "missing" in misfit.text


def check_what_fits(binder: ArgumentBinder, args: list[Any], kwargs: dict[str, Any]) -> None:
    """What fits can be bound, and is left out only where a misfit says so."""
    some, others = binder.fitting(args, kwargs)
    assert all("missing" in misfit.text for misfit in binder.misfits(some, others))
    misplaced = {misfit.path for misfit in binder.misfits(args, kwargs)}
    assert {("kwargs", name) for name in kwargs.keys() - others.keys()} == {
        path for path in misplaced if path[0] == "kwargs" and len(path) > 1
    }
    assert (len(some) < len(args)) == (("args", len(some)) in misplaced)
    bound = binder.bind(some, others, partly=True)
    assert bound is not None
    check_paths(binder, bound, list(some), dict(others))


def check_paths(
    binder: ArgumentBinder, bound: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
) -> None:
    """Each bound value is found where its path leads."""
    kinds = {one.name: one.kind for one in binder.parameters}
    for name, value in bound.items():
        inside: list[tuple[Any, ...]] = [()]
        if kinds[name] is ParameterKind.VAR_POSITIONAL:
            inside = [(place,) for place in range(len(value))]
        elif kinds[name] is ParameterKind.VAR_KEYWORD:
            inside = [(one,) for one in value]
        for way in inside:
            found: Any = {"args": args, "kwargs": kwargs}
            for step in binder.path((name, *way), args, kwargs):
                found = found[step]
            assert found is (value[way[0]] if way else value)


ANY_NAME = st.text(max_size=3) | st.sampled_from([*NAMES, "", "a b", "\x00", "__proto__", "é"])
HOSTILE = st.lists(
    st.builds(Parameter, name=ANY_NAME, kind=st.sampled_from(list(KINDS)), required=st.booleans()), max_size=6
)


@settings(max_examples=100, deadline=None)
@given(HOSTILE, st.lists(st.integers(), max_size=6), st.dictionaries(ANY_NAME, st.integers(), max_size=4))
def test_parameters_that_nobody_can_have_raise_nothing(
    parameters: list[Parameter], args: list[Any], kwargs: dict[str, Any]
) -> None:
    binder = ArgumentBinder(parameters)
    is_signature(parameters)
    binder.misfits(args, kwargs)
    for name in binder.bind(args, kwargs) or ():
        binder.path((name, 0), args, kwargs)


@pytest.mark.parametrize(
    "kinds",
    [
        [ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_POSITIONAL],
        [ParameterKind.KEYWORD_ONLY, ParameterKind.POSITIONAL_ONLY],
        [ParameterKind.VAR_KEYWORD, ParameterKind.KEYWORD_ONLY],
    ],
)
def test_kinds_out_of_order_are_no_signature(kinds: list[ParameterKind]) -> None:
    assert not is_signature([Parameter(name=f"p{place}", kind=kind) for place, kind in enumerate(kinds)])


def test_two_parameters_of_one_name_are_no_signature() -> None:
    assert is_signature([Parameter(name="a"), Parameter(name="b")])
    assert not is_signature([Parameter(name="a"), Parameter(name="a")])


def texts(*parameters: Parameter, args: list[Any] = [], kwargs: dict[str, Any] = {}) -> list[tuple[Any, str]]:  # noqa: B006
    return [(one.path, one.text) for one in ArgumentBinder(parameters).misfits(args, kwargs)]


def test_misfits_are_sentences() -> None:
    number, lang = Parameter(name="number"), Parameter(name="lang", required=False)
    assert texts(number, lang, args=[1, "de", 3, 4]) == [
        (("args", 2), "The function takes 2 positional arguments: leave out the rest.")
    ]
    assert texts(number, args=[1, 2]) == [
        (("args", 1), "The function takes one positional argument: leave out the rest.")
    ]
    assert texts(number, lang, kwargs={"lnag": "de"}) == [
        (("kwargs",), "The required argument 'number' is missing."),
        (("kwargs", "lnag"), "The function has no such parameter, did you mean 'lang'?"),
    ]
    assert texts(number, args=[1], kwargs={"number": 1, "qqq": 1}) == [
        (("kwargs", "number"), "It is also given in args: give it once."),
        (("kwargs", "qqq"), "The function has no such parameter."),
    ]
    by_name = Parameter(name="lang", kind=ParameterKind.KEYWORD_ONLY, required=False)
    assert texts(number, by_name, args=[1, "de"]) == [
        (("args", 1), "The function takes one positional argument: give the rest by name, in kwargs.")
    ]
    numbers = Parameter(name="numbers", kind=ParameterKind.VAR_POSITIONAL, required=False)
    assert texts(numbers, kwargs={"numbers": [1]}) == [
        (("kwargs", "numbers"), "Its values have no name: give them in args, after the others.")
    ]
    only = Parameter(name="number", kind=ParameterKind.POSITIONAL_ONLY)
    assert texts(only, kwargs={"number": 1}) == [
        (("args",), "The required argument 'number' is missing."),
        (("kwargs", "number"), "It is positional-only: give it in args."),
    ]


def test_names_that_are_shown_are_short_and_escaped() -> None:
    (_, text), *_ = texts(Parameter(name="\x1b[31m\n" + "x" * 10_000))
    assert text.isprintable()
    assert len(text) < 150


def test_many_misfits_take_a_moment_and_are_not_all_listed() -> None:
    """The first use computes what names look like; it is 20 ms on an idle machine."""
    parameters = [Parameter(name="x" * 90 + f"_parameter_{place}", required=False) for place in range(1000)]
    kwargs = {"x" * 90 + f"_paramter_{place}": place for place in range(20_000)}
    binder = ArgumentBinder(parameters)
    binder.misfits([], {"warm": 1})
    start = time.thread_time()
    assert len(binder.misfits([], kwargs)) == MOST_MISFITS
    assert time.thread_time() - start < 0.8
