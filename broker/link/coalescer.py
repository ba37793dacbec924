"""Batching: calls made in the same turn of the event loop are sent together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")
#: An item, the future for its answer, and the time at which it was submitted.
_Entry = tuple[Item, "asyncio.Future[Answer]", float]


class Coalescer(Generic[Item, Answer]):
    """Collects single items and sends them in batches.

    A batch is sent at the end of the loop's turn. While `in_flight` batches are pending, further items wait
    for one to finish, so batches grow with the load instead of queueing up in the connection pool.

    Args:
        send: Sends a batch and returns the answers in order; an exception as an answer fails that item alone.
            Its second argument is the loop time at which the oldest item was submitted: the batch's deadline
            counts from there.
        group: Items of different groups are sent in different batches.
        weight: Size of an item in bytes. It is called for one item after another, as their batch is made.
        max_items: Most items in a batch.
        max_weight: Most bytes in a batch of more than one item.
        in_flight: Most batches pending at once.
        max_span: Most seconds between the oldest and the newest item of a batch, because they share a
            deadline.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Item], float], Awaitable[Sequence[Answer | Exception]]],
        *,
        group: Callable[[Item], Hashable] = lambda _: None,
        weight: Callable[[Item], int] = lambda _: 0,
        max_items: int = 256,
        max_weight: int = 4 * 1024 * 1024,
        in_flight: int = 2,
        max_span: float = 0.5,
    ) -> None:
        self._send = send
        self._group = group
        self._weight = weight
        self._max_items = max_items
        self._max_weight = max_weight
        self._in_flight = in_flight
        self._max_span = max_span
        self._waiting: dict[Hashable, list[_Entry[Item, Answer]]] = {}
        self._batches: set[asyncio.Task[None]] = set()
        #: The newest of them until it begins: it takes what is submitted until then.
        self._next: asyncio.Task[None] | None = None

    def submit(self, item: Item) -> "asyncio.Future[Answer]":
        """Return a future for the item's answer. The item is sent even if the caller is cancelled."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.setdefault(self._group(item), []).append((item, future, loop.time()))
        self._schedule(loop)
        return future

    async def drain(self) -> None:
        """Wait until all items have been answered."""
        while self._batches or self._waiting:
            if self._batches:
                await asyncio.wait(self._batches)
            await asyncio.sleep(0)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and self._next is None and len(self._batches) < self._in_flight:
            self._next = loop.create_task(self._deliver(loop))
            self._batches.add(self._next)
            self._next.add_done_callback(self._batch_is_done)

    def _batch_is_done(self, task: "asyncio.Task[None]") -> None:
        self._batches.discard(task)
        if self._next is task:  # it was cancelled before it began
            self._next = None
        self._schedule(task.get_loop())

    def _next_batch(self) -> "list[_Entry[Item, Answer]]":
        group = next(iter(self._waiting))
        entries = self._waiting.pop(group)
        most = self._most(entries)
        if left := entries[most:]:
            # The other groups come first.
            self._waiting[group] = left
        return entries[:most]

    def _most(self, entries: "list[_Entry[Item, Answer]]") -> int:
        """Return how many of the entries of a group, at least one, fit into a batch."""
        weight, oldest = 0, entries[0][2]
        for place, (item, _, since) in enumerate(entries):
            weight += self._weight(item)
            is_over = weight > self._max_weight or since - oldest > self._max_span
            if place and (is_over or place == self._max_items):
                return place
        return len(entries)

    async def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send what waits when this begins, in the loop's next turn."""
        self._next = None
        batch = self._next_batch()
        self._schedule(loop)
        answers: Sequence[Answer | Exception]
        try:
            answers = await self._send([item for item, _, _ in batch], batch[0][2])
        except Exception as error:
            answers = [error] * len(batch)
        for (_, future, _), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
