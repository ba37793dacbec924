"""Wrong keys are slowed down for each address, and a valid key is not."""

import pytest

from jobgate.gateway.auth.bad_keys import BadKeys
from jobgate.gateway.http.problems import Problem

TOO_MANY = "429 too-many-bad-keys "


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def refused(bad: BadKeys, address: str) -> str | None:
    """Count a wrong key; return for how long its address has to wait, None = it does not."""
    try:
        bad.count(address)
    except Problem as problem:
        return f"{problem.kind.status} {problem.code} {problem.headers['Retry-After']}".removeprefix(TOO_MANY)
    return None


def test_an_address_has_so_many_in_a_minute() -> None:
    clock = Clock()
    bad = BadKeys(20, clock)
    assert [refused(bad, "192.0.2.1") for _ in range(22)] == [None] * 20 + ["3", "3"]
    assert refused(bad, "192.0.2.2") is None
    clock.now += 2
    assert refused(bad, "192.0.2.1") == "1"
    clock.now += 1
    assert [refused(bad, "192.0.2.1") for _ in range(2)] == [None, "3"]
    clock.now += 3600
    assert [refused(bad, "192.0.2.1") for _ in range(21)] == [None] * 20 + ["3"]


def test_a_clock_that_stands_gives_nothing_back() -> None:
    bad = BadKeys(2, lambda: 5.0)
    assert [refused(bad, "unix") is None for _ in range(50)] == [True, True] + [False] * 48


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::1%eth0", True),
        ("unknown", "unknown", True),
    ],
)
def test_who_counts_as_one_address(one: str, other: str, together: bool) -> None:
    bad = BadKeys(1, lambda: 0.0)
    assert refused(bad, one) is None
    assert (refused(bad, other) is not None) == together


def test_memory_is_bounded_and_the_latest_are_remembered() -> None:
    bad = BadKeys(1, lambda: 0.0)
    for number in range(10_001):
        bad.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(bad._left) == 10_000
    with pytest.raises(Problem):
        bad.count("10.0.39.16")
    bad.count("10.0.0.0")  # forgotten
