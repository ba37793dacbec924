"""Steps that may be ended early: the worker's start, and its `on_shutdown`."""

import asyncio
from collections.abc import Awaitable
from typing import Any


class Cancellable:
    """Lets others end a step that a task awaits, without ending that task.

    The step runs in the very task that awaits it: jobs see the context variables that `on_startup` sets, and
    `on_shutdown` can close in the same task what `on_startup` has opened.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._cancels = 0

    def cancel(self) -> None:
        """Cancel the current step; may be called again while it cleans up. Without a step, do nothing."""
        if self._task is not None:
            self._cancels += 1
            self._task.cancel()

    async def run(self, step: Awaitable[None]) -> bool:
        """Await a step. Its exceptions are raised.

        Returns:
            Whether it completed; False = `cancel` ended it.

        Raises:
            asyncio.CancelledError: The task was cancelled otherwise, or the step cancelled itself.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a Cancellable runs in a task")
        self._task, self._cancels, others = task, 0, task.cancelling()
        try:
            await step
            if self._cancels:
                await asyncio.sleep(0)  # for a step that cancels itself as its last action
        except asyncio.CancelledError:
            if not self._cancels or task.cancelling() - self._cancels > others:
                raise
            return False
        finally:
            self._task = None
            for _ in range(self._cancels):
                task.uncancel()
        return True
