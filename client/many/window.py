"""A limited number of operations at the same time, on items that are pulled as there is room."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeVar

from jobgate.client.many.feed import Feed, Source

Item = TypeVar("Item")
Result = TypeVar("Result")


async def windowed(
    source: Source[Item],
    run: Callable[[Sequence[Item]], Awaitable[Result]],
    *,
    most: int = 1,
    concurrency: int,
    ordered: bool,
) -> AsyncGenerator[Result, None]:
    """Yield what `run` returns for all items of a source.

    At most `concurrency` operations have begun and not been yielded. When the source or an operation raises,
    or the generator is closed, the operations that have begun are cancelled; an error of the source is raised
    after the results of the items before it.

    Args:
        source: The items.
        run: The operation.
        most: Most items of one operation: those that are at hand when it begins.
        concurrency: Most operations at the same time.
        ordered: Yield results in the order of the items, instead of as they come.
    """
    running: deque[asyncio.Task[Result]] = deque()
    pull: asyncio.Task[list[Item]] | None = None
    has_more = True
    async with Feed(source, ahead=most) as feed:
        try:
            while has_more or running:
                if has_more and pull is None and len(running) < concurrency:
                    pull = asyncio.create_task(feed.take(most))
                heads = [running[0]] if ordered and running else list(running)
                await asyncio.wait([*heads, *([pull] if pull else [])], return_when=asyncio.FIRST_COMPLETED)
                if pull is not None and pull.done():
                    if pull.exception() is not None:
                        has_more = False  # raised below, after the results
                    elif items := pull.result():
                        running.append(asyncio.create_task(_run(run, items)))
                        pull = None
                    else:
                        has_more, pull = False, None
                for each in heads:
                    if each.done():
                        running.remove(each)
                        yield each.result()
            if pull is not None:
                pull.result()
        finally:
            await _cancelled([*running, *([pull] if pull else [])])


async def _run(run: Callable[[Sequence[Item]], Awaitable[Result]], items: Sequence[Item]) -> Result:
    return await run(items)


async def _cancelled(operations: Sequence["asyncio.Task[object]"]) -> None:
    for each in operations:
        each.cancel()
    await asyncio.gather(*operations, return_exceptions=True)
