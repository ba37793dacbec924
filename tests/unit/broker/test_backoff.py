"""What a pause loses at random. How pauses grow: tests/unit/worker/test_retry_policies.py."""

from datetime import timedelta

import pytest

from jobgate.broker import Backoff, with_jitter


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(first=0.1, longest=timedelta(seconds=0.5))
    assert [backoff.pause(failures) for failures in range(1, 6)] == [0.1, 0.2, 0.4, 0.5, 0.5]


def test_a_pause_is_shortened_by_up_to_half() -> None:
    pauses = [with_jitter(10) for _ in range(1000)]
    assert 5 <= min(pauses) < 6
    assert 9 < max(pauses) <= 10


@pytest.mark.parametrize("numbers", [{"first": -1}, {"factor": 0.5}, {"longest": float("inf")}])
def test_numbers_out_of_range_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"Backoff.{next(iter(numbers))}=…. must be"):
        Backoff(**numbers)  # type: ignore[arg-type]
