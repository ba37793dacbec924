"""The last hour of queues: what is over is not read again at each request."""

from collections.abc import Sequence

import pytest

from jobgate.broker import FunctionActivity, MinuteActivity
from jobgate.gateway.reads import last_hours
from jobgate.gateway.reads.last_hours import LastHours


class Counters:
    """Counters of queues in the minute `now`, which notes how many minutes are read."""

    def __init__(self, functions: int = 1) -> None:
        self.now = 1000
        self.reads: list[tuple[int, int]] = []
        self._functions = [f"f{number}" for number in range(functions)]

    async def read(self, queues: Sequence[str], minutes: int) -> Sequence[Sequence[MinuteActivity]]:
        """Note how many minutes of how many queues are read, and return them."""
        self.reads.append((len(queues), minutes))
        return [self.last(minutes) for _ in queues]

    def last(self, minutes: int = 60) -> Sequence[MinuteActivity]:
        """The last minutes; each counts its own number, the running one less."""
        return [
            MinuteActivity(
                minute_ms=minute * 60_000,
                functions={
                    name: FunctionActivity(enqueued=minute - (minute == self.now)) for name in self._functions
                },
            )
            for minute in range(self.now - minutes + 1, self.now + 1)
        ]


async def test_only_minutes_that_may_have_changed_are_read_again() -> None:
    counters = Counters()
    hours = LastHours(counters.read)
    for step in (0, 0, 1, 1, 2):
        counters.now += step
        assert await hours.of(["q"]) == [counters.last()]
    assert counters.reads == [(1, 60), *[(1, 3)] * 4]


async def test_several_queues_are_read_together() -> None:
    counters = Counters()
    hours = LastHours(counters.read)
    assert await hours.of([]) == []
    await hours.of(["a", "b"])
    await hours.of(["c", "b", "a"])
    assert counters.reads == [(2, 60), (2, 3), (1, 60)]


@pytest.mark.parametrize("step", [-1, -500, 4, 500])
async def test_when_the_clock_of_redis_was_set_all_is_read_again(step: int) -> None:
    counters = Counters()
    hours = LastHours(counters.read)
    await hours.of(["q"])
    counters.now += step
    assert await hours.of(["q"]) == [counters.last()]


async def test_all_is_read_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_hours, "_READ_AGAIN", 0.0)
    counters = Counters()
    hours = LastHours(counters.read)
    for _ in range(3):
        await hours.of(["q"])
    assert counters.reads == [(1, 60)] * 3


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_hours, "_MOST_REMEMBERED", 60 * 10 * 2)
    counters = Counters(functions=10)
    hours = LastHours(counters.read)
    for name in ("a", "b", "c", "b", "a"):
        await hours.of([name])
    assert [minutes for _, minutes in counters.reads] == [60, 60, 60, 3, 60], (
        "the queue that was read longest ago made room"
    )
