"""A table of hints and values: the gateway accepts nothing that the worker refuses, and not much less."""

from typing import Any

import pytest

from harness.hints.agreement import Door, is_left_to_worker, sent, taking, why_stricter
from harness.hints.table import ROWS

NAMES = [f"{at}-{str(row[0])[:60]}" for at, row in enumerate(ROWS)]
VALUES = {
    repr(value): value for _, good, bad in ROWS for value in [*(given for given, _ in good), *bad]
}.values()


def test_the_table_is_large_enough() -> None:
    assert len(ROWS) >= 80


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_good_values_pass_and_mean_the_same_and_bad_ones_are_refused_at_both_doors(row: Any) -> None:
    hint, good, bad = row
    door = Door(taking(hint))
    for given, expected in good:
        assert door.accepts([sent(given)]), given
        [value], _ = door.converted([sent(given)]) or ([None], {})
        assert (type(value), value) == (type(expected), expected)
        again = sent(door.function.as_plain(value))
        assert door.accepts([again]), again
        assert door.converted([again]) == ([expected], {})
    for given in bad:
        assert not door.accepts([sent(given)]), given
        got = door.converted([sent(given)])
        assert got is None or why_stricter(sent(given), got[0][0]), given


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_no_value_passes_the_gateway_and_fails_in_the_worker(row: Any) -> None:
    hint, _, _ = row
    door = Door(taking(hint))
    for value in map(sent, VALUES):
        got = door.converted([value])
        if door.accepts([value]):
            assert got is not None or is_left_to_worker(hint, value), value
        elif got is not None:
            assert why_stricter(value, got[0][0]) is not None, (value, got)
