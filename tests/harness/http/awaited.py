"""A blocking client with the methods of the async one: the tests of the one are tests of the other."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from jobgate.client import BlockingCaller, BlockingJobHandle, JobgateError

#: What returns at once, with both clients.
AT_ONCE = {"job", "with_options"}
#: What is iterated over.
ITERATED = {"jobs"}


class Awaited:
    """A blocking client, caller or job handle, whose methods are awaited while they wait in a thread."""

    def __init__(self, face: BlockingCaller | BlockingJobHandle) -> None:
        self._face = face

    def __repr__(self) -> str:
        return repr(self._face)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._face, name)
        if not callable(found):
            return found
        if name in AT_ONCE:
            return lambda *args, **kwargs: Awaited(found(*args, **kwargs))
        if name in ITERATED:
            return lambda *args, **kwargs: _taken(found(*args, **kwargs))

        async def method(*args: Any, **kwargs: Any) -> Any:
            try:
                return self._like_us(await asyncio.to_thread(found, *args, **kwargs))
            except JobgateError as error:
                error.job = self._like_us(error.job)
                raise

        return method

    def _like_us(self, value: object) -> object:
        if value is self._face:
            return self
        return Awaited(value) if isinstance(value, BlockingJobHandle) else value


async def _taken(items: Iterator[object]) -> AsyncIterator[object]:
    while (item := await asyncio.to_thread(next, items, None)) is not None:
        yield item
