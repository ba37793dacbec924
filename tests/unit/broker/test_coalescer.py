"""Items that meet in one turn of the loop travel together."""

import asyncio
from collections.abc import Sequence

import pytest

from jobgate.broker.link.coalescer import Coalescer


class Sent:
    """Answers each item with its double and remembers the batches; may be held back."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        #: Since when the oldest item of each batch waits, as it is told.
        self.since: list[float] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, items: Sequence[int], since: float) -> Sequence[int | Exception]:
        self.batches.append(list(items))
        self.since.append(since)
        await self.may_answer.wait()
        return [ValueError(item) if item < 0 else 2 * item for item in items]


async def test_items_of_one_turn_share_a_batch() -> None:
    sent = Sent()
    coalescer = Coalescer[int, int](sent)
    assert await asyncio.gather(*map(coalescer.submit, range(5))) == [0, 2, 4, 6, 8]
    assert sent.batches == [[0, 1, 2, 3, 4]]


async def test_a_batch_is_bounded_in_items_and_in_weight() -> None:
    sent = Sent()
    coalescer = Coalescer[int, int](sent, max_items=3, weight=lambda item: item, max_weight=10)
    await asyncio.gather(*map(coalescer.submit, [1, 2, 3, 4, 9, 99, 5]))
    assert [sum(batch) <= 10 or len(batch) == 1 for batch in sent.batches] == [True] * len(sent.batches)
    assert max(map(len, sent.batches)) <= 3
    assert sorted(item for batch in sent.batches for item in batch) == [1, 2, 3, 4, 5, 9, 99]


async def test_groups_travel_apart_and_in_order() -> None:
    sent = Sent()
    coalescer = Coalescer[int, int](sent, group=lambda item: item % 2)
    await asyncio.gather(*map(coalescer.submit, range(6)))
    assert sent.batches == [[0, 2, 4], [1, 3, 5]]


async def test_further_items_wait_while_enough_batches_are_on_their_way() -> None:
    sent = Sent()
    sent.may_answer.clear()
    coalescer = Coalescer[int, int](sent, in_flight=1)
    first = coalescer.submit(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [coalescer.submit(n) for n in (2, 3)]
    await asyncio.sleep(0)
    assert sent.batches == [[1]]
    sent.may_answer.set()
    assert await asyncio.gather(first, *later) == [2, 4, 6]
    assert sent.batches == [[1], [2, 3]]


async def test_a_batch_leaves_in_the_next_turn() -> None:
    sent = Sent()
    answer = Coalescer[int, int](sent).submit(1)
    await asyncio.sleep(0)
    assert sent.batches == [[1]]
    assert await answer == 2


async def test_items_leave_with_later_ones_if_their_batch_was_cancelled_before_it_began() -> None:
    sent = Sent()
    coalescer, before = Coalescer[int, int](sent), asyncio.all_tasks()
    first = coalescer.submit(1)
    for task in asyncio.all_tasks() - before:
        task.cancel()
    await asyncio.sleep(0)
    assert sent.batches == []
    second = coalescer.submit(2)
    assert [await first, await second] == [2, 4]
    await coalescer.drain()


async def test_an_error_as_an_answer_fails_one_item() -> None:
    answers = await asyncio.gather(*map(Coalescer[int, int](Sent()).submit, [1, -1]), return_exceptions=True)
    assert answers[0] == 2
    assert isinstance(answers[1], ValueError)


async def test_an_error_of_the_batch_fails_them_all() -> None:
    async def refuse(_: Sequence[int], since: float) -> Sequence[int]:
        raise ConnectionError

    coalescer = Coalescer[int, int](refuse)
    answers = await asyncio.gather(*map(coalescer.submit, [1, 2]), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionError, ConnectionError]


async def test_a_cancelled_caller_stops_nobody_else() -> None:
    sent = Sent()
    coalescer = Coalescer[int, int](sent)
    one, two = coalescer.submit(1), coalescer.submit(2)
    one.cancel()
    assert await two == 4
    with pytest.raises(asyncio.CancelledError):
        await one
    assert sent.batches == [[1, 2]]


async def test_drain_waits_for_everything() -> None:
    sent = Sent()
    coalescer = Coalescer[int, int](sent, max_items=1)
    futures = [coalescer.submit(n) for n in range(5)]
    await coalescer.drain()
    assert all(future.done() for future in futures)


async def test_a_batch_is_told_since_when_its_oldest_item_waits() -> None:
    told: list[float] = []

    async def note(items: Sequence[int], since: float) -> Sequence[int]:
        told.append(since)
        return items

    before = asyncio.get_running_loop().time()
    await Coalescer[int, int](note).submit(1)
    assert before <= told[0] <= asyncio.get_running_loop().time()


async def test_the_deadline_of_a_batch_counts_from_its_oldest_item() -> None:
    sent, loop = Sent(), asyncio.get_running_loop()
    sent.may_answer.clear()
    coalescer = Coalescer[int, int](sent, in_flight=1, max_span=1000)
    futures = [coalescer.submit(1)]
    while not sent.batches:
        await asyncio.sleep(0)
    futures.append(coalescer.submit(2))
    submitted = loop.time()
    while loop.time() == submitted:
        await asyncio.sleep(0)
    futures.append(coalescer.submit(3))
    sent.may_answer.set()
    await asyncio.gather(*futures)
    assert sent.batches == [[1], [2, 3]]
    assert sent.since[1] <= submitted


async def test_items_that_wait_much_longer_do_not_share_their_deadline_with_others() -> None:
    """Else what has come just now would fail with what has waited for as long as it may."""
    sent = Sent()
    sent.may_answer.clear()
    coalescer = Coalescer[int, int](sent, in_flight=1, max_span=0.02)
    futures = [coalescer.submit(1)]
    while not sent.batches:
        await asyncio.sleep(0)
    futures += map(coalescer.submit, (2, 3))
    await asyncio.sleep(0.03)
    futures += map(coalescer.submit, (4, 5))
    sent.may_answer.set()
    assert await asyncio.gather(*futures) == [2, 4, 6, 8, 10]
    assert [4, 5] in sent.batches
