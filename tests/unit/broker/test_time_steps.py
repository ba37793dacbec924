"""Steps of counts over time."""

import pytest

from jobgate.broker import TimeSteps

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = 20_000 * DAY


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (0, MINUTE),
        (HOUR, MINUTE),
        (2 * HOUR, 2 * MINUTE),
        (DAY, 30 * MINUTE),
        (7 * DAY, 6 * HOUR),
        (5000 * DAY, 82 * DAY),
    ],
)
def test_a_window_has_steps_of_a_usual_length(length: int, step: int) -> None:
    for offset in (0, 1, 59_999, 12_345_678):
        first = START + offset
        steps = TimeSteps.over(first, first + length)
        assert steps.step_ms == step
        assert steps.start_ms <= first
        assert steps.number <= 62
        assert sum(steps.count([first, first + length // 2, first + length])) == 3
        assert steps.count([first + length])[-1] == 1


def test_times_outside_of_the_window_are_at_its_edges() -> None:
    steps = TimeSteps.over(START, START + HOUR)
    counts = steps.count([START - DAY, START, START + 2 * HOUR])
    assert (counts[0], counts[-1], sum(counts)) == (2, 1, 3)
