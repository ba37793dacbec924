"""A client that runs functions at once, without Redis and without an event loop."""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Coroutine, Iterable
from typing import Any, TypeVar, cast

from jobgate.client import BlockingCaller, BlockingClient
from jobgate.testing.eager.client import EagerClient
from jobgate.testing.jobs import Assertions, EnqueuedJob, RanJob
from jobgate.testing.runs import has_django, run_blocking

T = TypeVar("T")


class BlockingEagerClient(BlockingClient, Assertions):
    """A `BlockingClient` that runs a job in the calling thread before `enqueue` returns; see `EagerClient`.

    With Django, functions run where the test's database connections are. There `map` and `enqueue_many` take
    all items before the first result comes, and do not work on what `with_options` returns.

    Args:
        settings: As in `EagerClient`.
        overrides: As in `EagerClient`.
    """

    def __init__(self, settings: object, **overrides: object) -> None:
        self._eager = EagerClient(settings, **overrides)
        self._client, self.settings = self._eager, self._eager.settings
        BlockingCaller.__init__(self, cast("Any", _Here()), self._eager)

    @property
    def ran(self) -> tuple[RanJob, ...]:
        """All tries, in the order of their starts."""
        return self._eager.ran

    def _each(self, results: AsyncGenerator[T, None], inlet: Any = None) -> Iterable[T]:
        if not has_django():
            return super()._each(results, inlet)
        # Each call of `_run` has a loop of its own there: all is done in one.
        if inlet is not None:
            inlet.take_all()
        return self._run(_listed(results))

    def _jobs(self) -> list[EnqueuedJob]:
        return self._eager._jobs()


async def _listed(results: AsyncGenerator[T, None]) -> list[T]:
    return [result async for result in results]


class _Here:
    """In place of a portal: runs the coroutines of a client in one loop, in the calling thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # Also while another loop runs, so it does no more than close it.
        weakref.finalize(self, self._loop.close)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return run_blocking(coroutine, "EagerClient", self._loop)

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing: the loop has nothing open."""
