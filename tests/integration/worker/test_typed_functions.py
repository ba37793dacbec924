"""Typed functions in a real worker: bodies of every codec, executors, misfits, results."""

import itertools
import logging
import pickle
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from harness.functions import typed_jobs as functions
from harness.functions.typed_jobs import Invoice, Line, invoice, invoice_in_thread, kinds
from harness.systems.workers import burst, enqueue
from jobgate.broker import Broker, FailureCode, JobResult
from jobgate.broker.link.settings import async_client
from jobgate.worker import func

NEXT = itertools.count()
DUE = "2026-03-01T00:00:00Z"
LINES = [{"article": "pen", "count": 2}]
PLAIN = {"lines": LINES, "due": DUE, "total": 3.0, "scan": "_w=="}
CODECS = ("json", "msgpack")


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def run(
    broker: Broker, url: str, function: Any, *args: Any, kwargs: dict[str, Any] | None = None, **settings: Any
) -> JobResult:
    """Run one job and return its result."""
    name = getattr(function, "name", None) or function.__name__
    job_id = await enqueue(broker, name, *args, kwargs=kwargs or {})
    await burst([function], url, **settings)
    result = await broker.result(job_id)
    assert result is not None
    return result


@pytest.mark.parametrize("codec", CODECS)
async def test_plain_data_becomes_what_the_hints_say_and_back(redis_url: str, codec: str) -> None:
    async with Broker(redis_url, codec=codec) as broker:
        result = await run(
            broker, redis_url, invoice, LINES, DUE, 1, 2, kwargs={"scan": "/w=="}, serializer=codec
        )
        assert (result.result, result.args[0]) == (PLAIN, LINES)


async def test_raw_bytes_and_times_of_msgpack_pass_as_they_are(redis_url: str) -> None:
    due = datetime(2026, 3, 1, tzinfo=UTC)
    async with Broker(redis_url, codec="msgpack") as broker:
        result = await run(
            broker, redis_url, invoice, LINES, due, 1, 2, kwargs={"scan": b"\xff"}, serializer="msgpack"
        )
        assert result.result == PLAIN


@pytest.mark.parametrize("executor", ["thread", "process"])
async def test_plain_functions_get_and_return_the_same(broker: Broker, redis_url: str, executor: Any) -> None:
    function = func(invoice_in_thread, executor=executor)
    result = await run(broker, redis_url, function, LINES, DUE, "/w==")
    assert result.result == {**PLAIN, "total": 0.0}


async def test_pickles_carry_objects_both_ways(redis_url: str) -> None:
    async with Broker(redis_url, codec="pickle", trust_pickle=True) as broker:
        due, lines = datetime(2026, 3, 1, tzinfo=UTC), [Line(article="pen")]
        result = await run(broker, redis_url, invoice, lines, due, serializer="pickle")
        assert result.result == Invoice(lines, due, 0.0, b"")
        plain = await run(broker, redis_url, kinds, 1, "2026-01-02", serializer="pickle")
        assert plain.result == ["int", "date"]


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (([{"count": "x"}], DUE, 1, "y"), {}, "args[0][0].article: Field required; args[0][0].count: "),
        ((LINES, DUE, 1, "y"), {}, "args[3]: Input should be a valid integer"),
        ((LINES,), {"due": "soon"}, "kwargs.due: Input should be a valid datetime"),
        ((LINES, DUE), {"scan": "secret!"}, "kwargs.scan: Data should be valid base64"),
    ],
)  # fmt: skip
async def test_a_job_that_does_not_fit_fails_with_every_misfit(
    broker: Broker, redis_url: str, args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    result = await run(broker, redis_url, invoice, *args, kwargs=kwargs)
    assert result.failure is not None
    assert result.failure.code is FailureCode.INVALID_ARGUMENTS
    assert message in result.failure.message
    assert "secret" not in result.failure.message


async def test_arguments_that_cannot_be_bound_fail_as_before(broker: Broker, redis_url: str) -> None:
    result = await run(broker, redis_url, invoice, LINES)
    assert result.failure is not None
    assert result.failure.code is FailureCode.INVALID_ARGUMENTS
    assert "missing a required argument: 'due'" in result.failure.message


@pytest.mark.parametrize("value", [1, 2, 3, 4])
async def test_a_validator_that_raises_anything_fails_the_job(
    broker: Broker, redis_url: str, value: int
) -> None:
    result = await run(broker, redis_url, functions.guarded, value)
    assert result.failure is not None
    assert result.failure.code is FailureCode.INVALID_ARGUMENTS
    names = ["", "KeyError", "SystemExit", "RecursionError", "CancelledError"]
    assert names[value] in result.failure.message


async def enqueue_as_arq(url: str, function: str, *args: Any) -> str:
    """Write what arq 0.28 writes with its default serializer."""
    job_id = f"arq-typed-{next(NEXT)}"
    fields: dict[str, Any] = {"t": None, "f": function, "a": args, "k": {}, "et": 1_700_000_000_000}
    async with Broker(url) as broker, async_client(broker.settings, socket_timeout=None) as redis:
        await redis.set(f"arq:job:{job_id}", pickle.dumps(fields))
        await redis.zadd("arq:queue", {job_id: 1})
    return job_id


async def test_a_misfit_of_an_arq_producer_runs_as_it_is_and_is_warned_of_once(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    misfits = [await enqueue_as_arq(redis_url, "kinds", "x", date(2026, 1, 2)) for _ in range(3)]
    fitting = await enqueue_as_arq(redis_url, "kinds", 1, date(2026, 1, 2))
    with caplog.at_level(logging.WARNING):
        await burst([kinds], redis_url, serializer="pickle")
    results = [await broker.result(job_id) for job_id in (*misfits, fitting)]
    assert [one and one.result for one in results] == [["str", "date"]] * 3 + [["int", "date"]]
    texts = [one.getMessage() for one in caplog.records if "type hints" in one.getMessage()]
    assert len(texts) == 1
    assert "kinds runs with arguments that do not fit its type hints, as in arq: args[0]" in texts[0]


@pytest.mark.parametrize("how", [{"validate": False}, {}])
async def test_without_validation_nothing_is_converted(
    broker: Broker, redis_url: str, how: dict[str, Any]
) -> None:
    function = kinds if how else func(kinds, validate=False)
    result = await run(broker, redis_url, function, "x", "2026-01-02", **how)
    assert result.result == ["str", "str"]
    refused = await run(broker, redis_url, function, "x", **how)
    assert refused.failure is not None
    assert refused.failure.code is FailureCode.INVALID_ARGUMENTS


async def test_a_result_that_does_not_fit_is_stored_as_well_as_possible_and_warned_of_once(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    values = [[1, 2], {"a": 1}, "text"]
    ids = [await enqueue(broker, "wrong_result", value) for value in values]
    with caplog.at_level(logging.WARNING):
        await burst([functions.wrong_result], redis_url)
    assert [one and one.result for one in [await broker.result(job_id) for job_id in ids]] == values
    texts = [one.getMessage() for one in caplog.records if "does not fit its type hint" in one.getMessage()]
    assert len(texts) == 1
    assert "text" not in texts[0]


@pytest.mark.parametrize("codec", CODECS)
async def test_models_are_stored_without_a_hint_too(redis_url: str, codec: str) -> None:
    async with Broker(redis_url, codec=codec) as broker:
        result = await run(broker, redis_url, functions.untyped_result, "pen", serializer=codec)
        assert result.result == {"line": {"article": "pen", "count": 1}, "day": "2026-01-02"}


async def test_a_job_whose_lease_ran_out_as_it_was_validated_does_not_begin(
    broker: Broker, redis_url: str
) -> None:
    job_id = await enqueue(broker, "slowly_validated", 1)
    await burst([functions.slowly_validated], redis_url, lease=1.0)
    result = await broker.result(job_id)
    assert result is not None
    assert result.result == 2, "the try that began"


@pytest.mark.parametrize("function", [functions.endless, functions.a_few])
async def test_a_generator_is_no_result_whatever_the_hint_says(
    broker: Broker, redis_url: str, function: Any
) -> None:
    result = await run(broker, redis_url, function)
    assert result.failure is not None
    assert result.failure.code is FailureCode.UNSERIALISABLE_RESULT
