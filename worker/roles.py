"""The lifecycle that all background roles of a worker share, from the claimer to the status server.

Two verbs, each with a meaning that depends on what it is called on:

- `stop` ends a role, and returns when its work has ended. On a worker, a run or a job it only asks, as a
  signal does, and returns at once.
- `close` lets nothing new in, and returns at once: the claimer, the running jobs, threads and processes. On a
  worker or a run it asks it to stop, and waits for its end.
"""

import asyncio
from abc import ABC, abstractmethod


class Role(ABC):
    """A part of a worker that works in the background during one run.

    The contract, which a test holds for every role:

    - `start` begins the work in the running event loop and returns without waiting for its end.
    - `stop` returns when the work has ended. It is idempotent, and safe before `start`.
    - A stopped role is not started again: the next run of a worker has roles of its own.
    """

    @abstractmethod
    async def start(self) -> None:
        """Begin the work in the running event loop."""

    @abstractmethod
    async def stop(self) -> None:
        """End the work and wait until it has ended."""


class TaskRole(Role):
    """A role whose work is one coroutine, `run`, in a task of its own."""

    _task: "asyncio.Task[None] | None" = None

    @abstractmethod
    async def run(self) -> None:
        """Do the work until it is done or cancelled."""

    async def start(self) -> None:
        """Run the work in a task of its own."""
        self._task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """Cancel the work and wait until it has ended. An error that ended it earlier is ignored."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self, timeout: float | None = None) -> None:
        """Wait until the work has ended by itself, at most `timeout` seconds."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout)

    async def ended(self) -> None:
        """Wait until the work has ended by itself, and raise the exception that ended it."""
        await self.wait()
        if self._task is not None:
            self._task.result()
