"""The output of reading a pickle is bounded: a small pickle can stand for a huge value."""

import pickle
from typing import Any

import pytest

from jobgate.broker.errors import DecodeError
from jobgate.broker.pickles import read_pickle
from jobgate.broker.pickles.plain import MAX_DEPTH


def read(value: Any) -> Any:
    return read_pickle(pickle.dumps({"value": value}))["value"]


def test_what_is_too_deep_is_refused() -> None:
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(DecodeError, match=f"{MAX_DEPTH} levels"):
        read(deep)


def test_what_is_too_large_is_refused() -> None:
    shared: list[Any] = ["x"]
    for _ in range(30):
        shared = [shared, shared]
    with pytest.raises(DecodeError, match="values"):
        read(shared)
    with pytest.raises(DecodeError, match="characters"):
        read(["x" * (1 << 20)] * 40)
    with pytest.raises(DecodeError, match="digits"):
        read(1 << 100_000)
