"""Pauses between tries grow up to a limit and vary at random."""

import random

import pytest

from jobgate.broker.pauses import Pauses, with_jitter


def test_pauses_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    pauses = Pauses(0.1, 0.5)
    assert [pauses.next() for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]


def test_a_pause_is_shortened_by_up_to_half() -> None:
    pauses = [with_jitter(10) for _ in range(1000)]
    assert 5 <= min(pauses) < 6
    assert 9 < max(pauses) <= 10
