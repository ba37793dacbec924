"""The short form of the benchmarks: no ratio has halved since it was recorded.

All ratios are of processor time. If code has become slower for a good reason, or much faster, record anew:
`python -m benchmarks.short_form --record`.
"""

import pytest

from benchmarks.short_form import GROUPS, lost


@pytest.mark.parametrize("group", GROUPS)
def test_no_ratio_has_halved(group: str) -> None:
    assert lost(group) == {}
