"""How a worker's room is shared out among its queues."""

from collections import Counter

import pytest

from jobgate.worker.claiming.shares import Shares


def take(shares: Shares, stock: Counter[str], room: int) -> Counter[str]:
    """Claim as the worker does: until there is no room, or nothing left."""
    got: Counter[str] = Counter()
    left = set(stock)
    while room and left:
        parts = shares.split(room, left)
        assert sum(parts.values()) == room
        taken = {queue: min(part, stock[queue]) for queue, part in parts.items()}
        for queue, count in taken.items():
            stock[queue] -= count
            got[queue] += count
            room -= count
        left -= {queue for queue, part in parts.items() if stock[queue] == 0}
        shares.note(taken, left)
    return got


@pytest.mark.parametrize("room", [1, 2, 7, 100])
def test_full_queues_give_what_they_weigh_whatever_the_room(room: int) -> None:
    shares = Shares({"a": 3, "b": 1, "c": 1})
    stock = Counter({"a": 10**6, "b": 10**6, "c": 10**6})
    got: Counter[str] = Counter()
    while got.total() < 5000:
        got += take(shares, stock, room)
    for queue, part in {"a": 0.6, "b": 0.2, "c": 0.2}.items():
        assert got[queue] / got.total() == pytest.approx(part, abs=0.01)


def test_a_queue_of_great_weight_does_not_starve_another() -> None:
    shares = Shares({"heavy": 1000, "light": 1})
    got: Counter[str] = Counter()
    for _ in range(1001):
        got += take(shares, Counter({"heavy": 10**6, "light": 10**6}), 1)
    assert got == {"heavy": 1000, "light": 1}


def test_what_one_queue_leaves_the_others_take() -> None:
    shares = Shares({"a": 1, "b": 1, "c": 1})
    assert take(shares, Counter({"a": 1, "b": 50, "c": 0}), 10) == {"a": 1, "b": 9, "c": 0}


def test_a_queue_that_had_nothing_does_not_make_up_for_it() -> None:
    shares = Shares({"busy": 1, "idle": 1})
    for _ in range(1000):
        take(shares, Counter({"busy": 10**6, "idle": 0}), 1)
    got: Counter[str] = Counter()
    for _ in range(100):
        got += take(shares, Counter({"busy": 10**6, "idle": 10**6}), 1)
    assert got["busy"] == pytest.approx(50, abs=2)


def test_a_queue_that_cannot_be_asked_does_not_make_up_for_it_either() -> None:
    shares = Shares({"a": 1, "b": 1})
    for _ in range(1000):
        assert shares.split(1, {"a"}) == {"a": 1}
        shares.note({"a": 1}, {"a"})
    got: Counter[str] = Counter()
    for _ in range(100):
        got += take(shares, Counter({"a": 10**6, "b": 10**6}), 1)
    assert got["a"] == pytest.approx(50, abs=2)
