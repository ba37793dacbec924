"""Functions as the user states them, their limits, and whether arguments fit them."""

import functools
import math
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from jobgate.worker import Function, LoadError, Settings, SettingsError, cron, func, job, load_settings
from jobgate.worker.functions.function import as_function
from jobgate.worker.functions.resolved import ResolvedFunction
from jobgate.worker.functions.signatures import doubt_of_ctx, signature_of

Ctx = dict[str, Any]


async def plain(ctx: Ctx, a: int, b: int = 1, *, note: str = "") -> int:
    return a + b


async def open_ended(ctx: Ctx, *numbers: int, **names: int) -> None: ...


async def strict(ctx: Ctx, *, note: str) -> None: ...


def in_a_thread(ctx: Ctx, a: int) -> int:
    return a


def with_database(function: Any) -> Any:
    @functools.wraps(function)
    async def call(ctx: Ctx, *args: Any) -> Any:
        return await function(ctx, "database", *args)

    return call


@with_database
async def decorated(ctx: Ctx, database: str, a: int) -> int:
    return a


def offer(function: object, **settings: object) -> ResolvedFunction:
    [made] = Settings.of([function], **settings).resolved().values()
    return made


def test_a_function_has_its_qualified_name_or_the_given_one_or_its_path() -> None:
    assert as_function(plain).name == "plain"
    assert func(plain, name="sum").name == "sum"
    assert as_function("os.path.basename").name == "os.path.basename"


def test_a_function_without_a_name_needs_one() -> None:
    bound = functools.partial(plain, b=2)
    with pytest.raises(SettingsError, match="name="):
        func(bound)
    assert func(bound, name="two").name == "two"


def test_what_cannot_be_called_or_imported_is_refused() -> None:
    with pytest.raises(SettingsError):
        func(3)  # type: ignore[arg-type]
    with pytest.raises(LoadError, match="no module 'no_such_module'"):
        func("no_such_module.run")
    with pytest.raises(LoadError, match="did you mean 'basename'"):
        func("os.path.basenam")
    with pytest.raises(LoadError, match=r"MODULE\.NAME"):
        func("basename")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_tries", 0),
        ("max_tries", 2.5),
        ("timeout", -1),
        ("timeout", math.nan),
        ("timeout", "30"),
        ("keep_result", -1),
        ("keep_result", timedelta(seconds=-1)),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(option: str, value: Any) -> None:
    for states in (func, cron):
        with pytest.raises(SettingsError, match=option):
            states(plain, **{option: value})


def test_arqs_own_function_is_known_by_its_shape() -> None:
    @dataclass
    class ArqFunction:
        name: str
        coroutine: Any
        timeout_s: float | None
        keep_result_s: float | None
        keep_result_forever: bool | None
        max_tries: int | None

    made = as_function(ArqFunction("other", plain, 5, 0, None, 2))
    expected = Function(name="other", coroutine=plain, timeout_s=5.0, keep_result_s=0.0, max_tries=2)
    assert made == expected


def test_plain_functions_run_in_threads() -> None:
    assert offer(in_a_thread).in_thread
    assert not offer(plain).in_thread
    assert not offer(func(functools.partial(plain, b=3), name="p")).in_thread


def test_a_functions_limits_win_over_the_workers() -> None:
    own = offer(func(plain, timeout=5, max_tries=2, keep_result=0), job_timeout=9, max_tries=4, keep_result=7)
    assert (own.limits.timeout, own.limits.max_tries, own.limits.keep) == (5, 2, 0)
    workers = offer(plain, job_timeout=9, max_tries=4, keep_result=7)
    assert (workers.limits.timeout, workers.limits.max_tries, workers.limits.keep) == (9, 4, 7)


def test_keeping_for_ever_wins_over_seconds() -> None:
    assert offer(plain, keep_result_forever=True).limits.keep is None
    assert offer(func(plain, keep_result=5), keep_result_forever=True).limits.keep is None
    assert offer(func(plain, keep_result_forever=False), keep_result_forever=True).limits.keep == 3600
    assert offer(func(plain, keep_result_forever=True)).limits.keep is None


def with_gaps(ctx: Any, a: int, b: int = 2, /, **others: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "fits"),
    [
        (plain, (1,), {}, True),
        (plain, (1, 2), {}, True),
        (plain, (1,), {"note": "x"}, True),
        (plain, (), {"a": 1}, True),
        (plain, (), {}, False),
        (plain, (1, 2, 3), {}, False),
        (plain, (1,), {"nope": 1}, False),
        (plain, (1,), {"ctx": 1}, False),
        (decorated, (1,), {}, True),
        (decorated, (1,), {"nope": 1}, False),
        (open_ended, (), {}, True),
        (open_ended, tuple(range(99)), {"x": 1}, True),
        (with_gaps, (1,), {"b": 3}, True),
        (with_gaps, (), {"a": 3}, False),
        (strict, (), {}, False),
        (strict, (), {"note": "x"}, True),
        (in_a_thread, (1,), {}, True),
        (in_a_thread, (), {}, False),
        (func(functools.partial(plain, b=2), name="p"), (1,), {}, True),
    ],
)
def test_arguments_are_held_against_the_signature(
    function: object, args: tuple[Any, ...], kwargs: dict[str, Any], fits: bool
) -> None:
    assert (offer(function).refusal(args, kwargs) is None) is fits


def without_places() -> None: ...
def only_names(*, a: int, b: int = 2) -> None: ...
def only_more_names(**more: int) -> None: ...
def no_ctx(a: int, b: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "right"),
    [
        (without_places, r"without_places\(ctx\)"),
        (only_names, r"only_names\(ctx, \*, a, b\)"),
        (only_more_names, r"only_more_names\(ctx, \*\*more\)"),
    ],
)
def test_a_function_that_cannot_take_ctx_is_refused(function: Callable[..., Any], right: str) -> None:
    with pytest.raises(SettingsError, match=f"cannot take ctx, define it as {right}"):
        func(function)
    with pytest.raises(SettingsError, match="cannot take ctx"):
        Settings.of([function])


def test_arguments_that_do_not_fit_a_function_without_ctx_are_told_with_it() -> None:
    said = offer(no_ctx).refusal((1, 2), {})
    assert said == (
        "too many positional arguments; the first argument of a function is ctx, no_ctx has 'a' there: "
        "define it as no_ctx(ctx, a, b)"
    )
    assert offer(plain).refusal((1, 2, 3), {}) == "too many positional arguments"


@pytest.mark.parametrize(
    ("parameters", "is_for_ctx"),
    [
        ("ctx", True),
        ("context, a", True),
        ("_, a", True),
        ("worker_ctx", True),
        ("c: dict[str, object], a", True),
        ("c: typing.Any", True),
        ("*args", True),
        ("a", False),
        ("a: int, b: int", False),
        ("number, /", False),
    ],
)
def test_a_first_parameter_looks_as_if_it_were_meant_for_ctx_or_not(
    parameters: str, is_for_ctx: bool
) -> None:
    names: dict[str, Any] = {"typing": typing}
    exec(f"def f({parameters}): ...", names)
    assert (doubt_of_ctx("f", signature_of(names["f"])) is None) is is_for_ctx


def test_settings_are_loaded_from_the_current_directory(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs_of_this_test.py").write_text("class WorkerSettings:\n    max_jobs = 3\n")
    (tmp_path / "broken_of_this_test.py").write_text("1 / 0\n")
    (tmp_path / "lacking_of_this_test.py").write_text("import no_such_package\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    assert load_settings("jobs_of_this_test.WorkerSettings").max_jobs == 3
    assert load_settings("jobs_of_this_test:WorkerSettings").max_jobs == 3
    with pytest.raises(LoadError, match="ZeroDivisionError"):
        load_settings("broken_of_this_test.WorkerSettings")
    with pytest.raises(LoadError, match="imports 'no_such_package': install it"):
        load_settings("lacking_of_this_test.WorkerSettings")
    with pytest.raises(LoadError, match="did you mean 'WorkerSettings'"):
        load_settings("jobs_of_this_test.WorkerSetting")


@job
async def bare(ctx: Ctx, a: int) -> int:
    return a


@job(timeout=30, name="shop.add", max_tries=2)
async def with_options(ctx: Ctx, a: int) -> int:
    return a


def test_a_decorated_function_is_the_function_itself_with_its_options() -> None:
    assert as_function(bare) == Function(name="bare", coroutine=bare)
    expected = Function(name="shop.add", coroutine=with_options, timeout_s=30.0, max_tries=2)
    assert as_function(with_options) == func(with_options) == expected
    assert [each.__jobgate_name__ for each in (bare, with_options)] == ["bare", "shop.add"]  # type: ignore[attr-defined]
    assert with_options.__name__ == "with_options"


def test_given_options_win_over_those_of_the_decorator() -> None:
    made = func(with_options, timeout=5, name="other")
    assert (made.name, made.timeout_s, made.max_tries) == ("other", 5.0, 2)
    assert cron(with_options).function.name == "cron:shop.add"


def test_only_functions_are_decorated_and_options_are_checked_at_the_start() -> None:
    with pytest.raises(SettingsError, match="'timeot' is not an option of @job, did you mean 'timeout'"):
        job(timeot=3)  # type: ignore[call-overload]
    with pytest.raises(SettingsError, match="@job decorates functions"):
        job(3)  # type: ignore[call-overload]
    with pytest.raises(SettingsError, match="timeout"):
        Settings.of([job(timeout=-1)(lambda ctx: None)])
    with pytest.raises(SettingsError, match="validate"):
        func(plain, validate="no")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="validate"):
        Settings.of([plain], validate="no")


@pytest.mark.parametrize(
    ("worker", "function", "used"),
    [(True, None, True), (False, None, False), (False, True, True), (True, False, False)],
)
def test_hints_are_used_where_the_function_or_else_the_worker_says_so(
    worker: bool, function: bool | None, used: bool
) -> None:
    document = offer(func(plain, validate=function), validate=worker).document
    assert document.parameters is not None
    assert [one.name for one in document.parameters] == ["a", "b", "note"]
    assert (document.parameters[0].schema is not True) is used
    assert (document.returns is not True) is used
