"""Declared functions: calls and enqueues through them are those of the function with their name."""

from typing import assert_type

import pytest

from harness.http.fake_gateway import ACCEPTED, Gateway, success
from jobgate.client import DEFAULT, JobHandle, Stub, stub


@stub("shop.add")
async def add(a: int, /, b: int = 2, *, _why: str = "", more: list[int] = DEFAULT) -> int:
    """Add."""
    raise NotImplementedError


def test_it_is_named_like_the_function_of_the_worker() -> None:
    assert (add.__name__, add.__doc__, add.__module__) == ("shop.add", "Add.", __name__)
    assert repr(add) == "<stub of shop.add>"
    assert isinstance(add, Stub)


@pytest.mark.parametrize("by_client", [False, True])
async def test_a_call_has_the_arguments_that_the_caller_wrote(by_client: bool) -> None:
    gateway = Gateway(success(3))
    async with gateway.client() as client:
        total = await (client.call(add, 1, more=[1]) if by_client else add(client, 1, more=[1]))
    assert_type(total, int)
    assert total == 3
    (request,) = gateway.requests
    assert request[1].startswith("/jobs/shop.add")
    assert (request[3]["args"], request[3]["kwargs"]) == ([1], {"more": [1]})


async def test_an_enqueue_has_the_options_of_the_caller() -> None:
    gateway = Gateway(ACCEPTED)
    async with gateway.client() as client:
        job = await add.enqueue(client.with_options(max_tries=3), 1, 2)
    assert_type(job, JobHandle[int])
    ((_, _, _, body),) = gateway.requests
    assert (body["args"], body["max_tries"]) == ([1, 2], 3)
