"""A worker that runs beside a test, for calls that wait for their result."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

from jobgate.testing.servers import LoopThread
from jobgate.worker import Worker

#: Seconds between two looks whether it claims jobs.
_LOOK = 0.002


class Background:
    """`async with`: the worker runs in the loop of the test. `with`: in a thread, for plain tests.

    Args:
        make: Makes the worker.
        thread: Runs it for plain tests.
    """

    def __init__(self, make: Callable[[], Worker], thread: LoopThread) -> None:
        self._make = make
        self._thread = thread
        self._worker: Worker
        self._task: asyncio.Task[Any]

    async def __aenter__(self) -> None:
        self._worker = self._make()
        self._task = asyncio.create_task(self._worker.async_run())
        while not (self._task.done() or self._worker.liveness.consuming()):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)
        if self._task.done():
            await self._task  # why it did not start

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._worker.close()
        await self._task

    def __enter__(self) -> None:
        self._thread.run(self.__aenter__())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.run(self.__aexit__(kind, error, trace))
