"""Invokes functions: coroutines in the event loop, plain functions in threads or in processes.

It has no timeout of its own: `jobs/runner.py` cancels the call.
"""

import asyncio
import concurrent.futures
import contextvars
import functools
import inspect
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jobgate.broker import JobBody
from jobgate.worker.functions import ResolvedFunction
from jobgate.worker.invocation.processes import ProcessPool

#: No limit: a call never waits for a thread. `max_jobs` bounds the calls of running jobs. Threads of stopped
#: jobs cannot be ended, and must not keep new calls waiting.
_MOST_THREADS = 2**20


class Invoker:
    """Invokes the functions of one worker. Its threads and processes are made when they are first needed.

    Args:
        max_processes: Most functions in processes at once; None = one for each CPU.
        max_jobs: Most functions at once.
        on_abandoned: Called when a stopped job leaves its thread behind, with `id:function` and the number
            of such threads.
    """

    def __init__(
        self, *, max_processes: int | None, max_jobs: int, on_abandoned: Callable[[str, int], None]
    ) -> None:
        self._on_abandoned = on_abandoned
        self._most_processes = min(max_processes or os.cpu_count() or 1, max_jobs)
        self._threads: ThreadPoolExecutor | None = None
        self._processes: ProcessPool | None = None
        #: Plain functions that run in threads now, those of stopped jobs included.
        self.busy_threads = 0
        #: Those of stopped jobs.
        self._abandoned = 0

    def invoke(self, function: ResolvedFunction, ctx: dict[str, Any], body: JobBody) -> Awaitable[Any]:
        """Return an awaitable that runs a function and returns its value.

        It raises whatever the function raises, and in processes what `ProcessPool.run` raises.
        """
        if not function.is_plain:
            coroutine: Awaitable[Any] = function.call(ctx, *body.args, **body.kwargs)
            return coroutine
        if function.in_process:
            return self._run_in_process(function, ctx, body)
        return self._run_in_thread(function, ctx, body)

    def close(self) -> None:
        """Take no more work and kill the processes. Does not wait for threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._processes is not None:
            self._processes.close()

    async def _run_in_process(self, function: ResolvedFunction, ctx: dict[str, Any], body: JobBody) -> Any:
        if self._processes is None:
            self._processes = ProcessPool(self._most_processes)
        return await self._processes.run(
            function.call, ctx, body.args, body.kwargs, on_progress=ctx["progress"]
        )

    async def _run_in_thread(self, function: ResolvedFunction, ctx: dict[str, Any], body: JobBody) -> Any:
        """Run in a thread. A cancelled call drops the outcome; the thread itself cannot be stopped."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="jobgate-function")
        call = functools.partial(_call_contained, function.call, ctx, *body.args, **body.kwargs)
        submitted = self._threads.submit(contextvars.copy_context().run, call)
        future = asyncio.wrap_future(submitted)
        self.busy_threads += 1
        future.add_done_callback(self._thread_ended)
        try:
            # Shielded, so that the future ends with the thread and not before.
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not submitted.cancel() and not submitted.done():  # a cancelled submission never begins
                self._note_abandoned(future, f"{ctx['job_id']}:{body.function}")
            raise

    def _note_abandoned(self, future: "asyncio.Future[Any]", job: str) -> None:
        self._abandoned += 1
        future.add_done_callback(self._abandoned_ended)
        self._on_abandoned(job, self._abandoned)

    def _abandoned_ended(self, _: object) -> None:
        self._abandoned -= 1

    def _thread_ended(self, future: "asyncio.Future[Any]") -> None:
        self.busy_threads -= 1
        if not future.cancelled():
            future.exception()  # read, so that asyncio does not complain where nobody awaits it


def _call_contained(call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function, and replace what a future cannot hold: a StopIteration would never end it."""
    try:
        value = call(*args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("the function raised StopIteration") from error
    except concurrent.futures.CancelledError as error:  # asyncio would drop its traceback
        raise asyncio.CancelledError(*error.args).with_traceback(error.__traceback__) from None
    if inspect.iscoroutine(value):
        value.close()
        raise TypeError("the function returned a coroutine: make it `async def`, and its decorators too")
    return value
