"""Calls plain functions away from the event loop: in threads, or in processes."""

import asyncio
import concurrent.futures
import contextvars
import functools
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jobgate.broker.log_text import counted, printable
from jobgate.broker.records import JobBody
from jobgate.worker.functions.resolved import ResolvedFunction
from jobgate.worker.jobs.processes import ProcessPool
from jobgate.worker.vitals.job_log import logger

#: No limit: a call never waits for a thread. `max_jobs` bounds the calls that are wanted, and those that were
#: stopped but run on, because no thread can be ended, must not keep the wanted ones waiting.
_MOST_THREADS = 2**20


class Caller:
    """The threads and processes of one worker; none is made before it is needed.

    Args:
        processes: most functions in processes at once.
    """

    def __init__(self, *, processes: int) -> None:
        self._most_processes = processes
        self._threads: ThreadPoolExecutor | None = None
        self._processes: ProcessPool | None = None
        #: Plain functions that run in threads now, cancelled ones included.
        self.busy_threads = 0
        #: Those among them that were cancelled.
        self._given_up = 0

    async def call(self, function: ResolvedFunction, ctx: dict[str, Any], body: JobBody) -> Any:
        """Call a plain function and return its value. Raises what it raises, and as `ProcessPool.run`."""
        if function.in_process:
            return await self._call_in_process(function, ctx, body)
        return await self._call_in_thread(function, ctx, body)

    def close(self) -> None:
        """Take no more work. Kills processes; does not wait for threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._processes is not None:
            self._processes.close()

    async def _call_in_process(self, function: ResolvedFunction, ctx: dict[str, Any], body: JobBody) -> Any:
        if self._processes is None:
            self._processes = ProcessPool(self._most_processes)
        return await self._processes.run(
            function.call, ctx, body.args, body.kwargs, on_progress=ctx["progress"]
        )

    async def _call_in_thread(self, function: ResolvedFunction, ctx: dict[str, Any], body: JobBody) -> Any:
        """Call in a thread. When it is cancelled the thread goes on, and only its outcome is dropped."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="jobgate-function")
        call = functools.partial(_contained, function.call, ctx, *body.args, **body.kwargs)
        submitted = self._threads.submit(contextvars.copy_context().run, call)
        future = asyncio.wrap_future(submitted)
        self.busy_threads += 1
        future.add_done_callback(self._thread_ended)
        try:
            # Shielded, so that the future ends with the thread and not before.
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not submitted.cancel() and not submitted.done():  # what has not begun never begins
                self._note_given_up(future, f"{ctx['job_id']}:{body.function}")
            raise

    def _note_given_up(self, future: "asyncio.Future[Any]", job: str) -> None:
        self._given_up += 1
        future.add_done_callback(self._given_up_ended)
        logger.warning(
            "job %s was stopped, but its function still runs in a thread, which cannot be stopped (%s)",
            printable(job),
            counted(self._given_up, "such thread"),
        )

    def _given_up_ended(self, _: object) -> None:
        self._given_up -= 1

    def _thread_ended(self, future: "asyncio.Future[Any]") -> None:
        self.busy_threads -= 1
        if not future.cancelled():
            future.exception()  # read, so that asyncio does not complain about those nobody awaits


def _contained(call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call; no future can hold a StopIteration, it would never end, and no result a coroutine."""
    try:
        value = call(*args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("the function raised StopIteration") from error
    except concurrent.futures.CancelledError as error:  # asyncio would leave its traceback behind
        raise asyncio.CancelledError(*error.args).with_traceback(error.__traceback__) from None
    if inspect.iscoroutine(value):
        value.close()
        raise TypeError("the function returned a coroutine: make it `async def`, and its decorators too")
    return value
