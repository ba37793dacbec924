"""The blocking client offers what the async one does, with the same options."""

import inspect
from collections.abc import Callable
from typing import Any, get_overloads

import pytest

from jobgate.client import BlockingCaller, BlockingClient, BlockingJobHandle, Caller, Client, JobHandle

#: Each blocking class and the one that it stands for.
FACES = [(BlockingClient, Client), (BlockingCaller, Caller), (BlockingJobHandle, JobHandle)]
#: Methods of the async classes for this package alone.
INTERNAL = {"named_in_errors", "value_of"}


def methods(kind: type) -> dict[str, Callable[..., Any]]:
    return {
        name: method
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and name not in INTERNAL
    }


def parameters(method: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    listed = inspect.signature(method).parameters.values()
    return [(one.name, one.kind, one.default) for one in listed]


@pytest.mark.parametrize(("blocking", "awaited"), FACES)
def test_it_has_the_same_methods_with_the_same_parameters(blocking: type, awaited: type) -> None:
    ours, theirs = methods(blocking), methods(awaited)
    assert {name: parameters(method) for name, method in ours.items()} == {
        name: parameters(method) for name, method in theirs.items()
    }
    assert not [name for name, method in ours.items() if inspect.iscoroutinefunction(method)]


@pytest.mark.parametrize(("name", "many"), [("call", 4), ("enqueue", 4), ("enqueue_many", 2), ("map", 7)])
def test_the_overloads_are_the_same(name: str, many: int) -> None:
    ours, theirs = (get_overloads(getattr(kind, name)) for kind in (BlockingCaller, Caller))
    assert len(ours) == many
    assert [parameters(one) for one in ours] == [parameters(one) for one in theirs]


def test_the_clients_are_made_alike() -> None:
    assert parameters(BlockingClient.__init__) == parameters(Client.__init__)
