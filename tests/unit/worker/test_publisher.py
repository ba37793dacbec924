"""What a worker publishes when not everything fits in."""

import time
from typing import Any

import pytest

from benchmarks.programs.many_functions import FUNCTIONS, start
from harness.waiting import fast_enough
from jobgate.broker import Broker, FunctionDocument, Parameter
from jobgate.broker.catalogue import read_catalogue
from jobgate.worker.vitals.publisher import Publisher

LIMITS: dict[str, Any] = {"timeout": 5, "max_tries": 3}
LONG = "x" * 200_000
#: A document and what is published of it, with one warning if that is less.
SHORTENED = {
    "long schema": (
        FunctionDocument(
            name="f", parameters=(Parameter(name="a", schema={"title": LONG}, default=1),), **LIMITS
        ),
        FunctionDocument(name="f", parameters=(Parameter(name="a"),), **LIMITS),
    ),
    "no JSON": (
        FunctionDocument(name="f", parameters=(Parameter(name="a", default=object()),), **LIMITS),
        FunctionDocument(name="f", parameters=(Parameter(name="a"),), **LIMITS),
    ),
    "long names": (
        FunctionDocument(name="f", parameters=(Parameter(name="a" * 200_000),), **LIMITS),
        FunctionDocument(name="f", **LIMITS),
    ),
    "unknown parameters": (
        FunctionDocument(name="f", description=LONG, **LIMITS),
        FunctionDocument(name="f", **LIMITS),
    ),
}
FINE = FunctionDocument(name="g", parameters=(Parameter(name="a", schema={"type": "integer"}),))


def published(publisher: Publisher) -> dict[str, FunctionDocument]:
    assert publisher.digest is not None
    stored = publisher._stored
    assert len(stored) == publisher.size
    return dict(read_catalogue(stored, publisher.digest).functions)


def publisher_of(*functions: FunctionDocument) -> Publisher:
    return Publisher(Broker("redis://localhost:1"), functions)


@pytest.mark.parametrize(("document", "less"), SHORTENED.values(), ids=SHORTENED)
def test_a_function_that_does_not_fit_is_published_with_less(
    document: FunctionDocument, less: FunctionDocument, caplog: pytest.LogCaptureFixture
) -> None:
    assert published(publisher_of(document, FINE)) == {"f": less, "g": FINE}
    (message,) = caplog.messages
    assert message.startswith("published without schemas: f: ")


def test_what_readers_leave_out_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    many = FunctionDocument(name="many", parameters=tuple(Parameter(name=f"p{n}") for n in range(300)))
    assert published(publisher_of(many, FINE)) == {"many": FunctionDocument(name="many"), "g": FINE}
    (message,) = caplog.messages
    assert message.startswith("published without schemas: many: it has too many parameters")


def test_a_catalogue_that_does_not_fit_is_published_without_schemas(caplog: pytest.LogCaptureFixture) -> None:
    one = Parameter(name="a", schema={"title": "x" * 100_000})
    found = published(publisher_of(*(FunctionDocument(name=f"f{n}", parameters=(one,)) for n in range(42))))
    assert len(found) == 42
    assert {each.parameters for each in found.values()} == {(Parameter(name="a"),)}
    assert len(caplog.messages) == 1


def test_what_fits_is_published_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert published(publisher_of(FINE)) == {"g": FINE}
    assert caplog.messages == []


async def test_hundreds_of_typed_functions_are_published_in_full_within_two_seconds() -> None:
    async def seconds() -> float:
        began = time.process_time()  # other programs may use the processor, too
        _, publisher = start()
        took = time.process_time() - began
        found = published(publisher)
        assert len(found) == FUNCTIONS
        assert all(one.parameters and one.returns is not True for one in found.values())
        return took

    await fast_enough(seconds, 2, what="the description of 500 functions")


async def test_names_that_cannot_be_written_are_not_published(caplog: pytest.LogCaptureFixture) -> None:
    publisher = publisher_of(FunctionDocument(name="\ud800"), FINE)
    assert publisher.digest is None
    await publisher.publish()
    (message,) = caplog.messages
    assert message.startswith("the functions are not published: ")
    assert message.isprintable()


async def test_an_error_is_no_more_than_a_line_at_level_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="jobgate.worker")
    broker = Broker("redis://localhost:1", deadline=0.01)
    await Publisher(broker, [FINE]).publish()
    await broker.close()
    (line,) = [each for each in caplog.records if each.name.startswith("jobgate.worker")]
    assert line.levelname == "DEBUG"
