"""What a job has started outside of its coroutine, and what may keep running when that is cancelled.

A cancelled `await` of `loop.run_in_executor` or `asyncio.to_thread` ends at once. The call in the other
thread or process does not, and neither does a program that `asyncio.create_subprocess_exec` has started. So
the worker looks for them here before it releases a job. It knows what the event loop started in the context
of the job, but not what a function hands to a thread or an executor by itself.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import ContextVar
from typing import Any, Protocol

#: Seconds between two checks whether something still runs.
_LOOK = 0.02


class Leftover(Protocol):
    """A call in an executor, or a program."""

    def is_over(self) -> bool:
        """Whether it has ended."""

    def leave(self) -> bool:
        """Prevent its start where it has not started yet; return whether it runs."""

    def kill(self) -> None:
        """End it where that is possible; a thread cannot be ended."""


class Starter(Protocol):
    """A running job, as far as this module knows it."""

    def has_started(self, leftover: Leftover) -> None:
        """Note what the job has started outside of its coroutine."""


#: The job that the current code belongs to, in the job's own task and in those that it makes.
RUNNING_JOB: ContextVar[Starter] = ContextVar("jobgate_running_job")


class _ThreadCall:
    """A call for the loop's own executor, which cannot be asked about it."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._function, self._args = function, args
        self._lock = threading.Lock()
        self._may_begin, self._runs, self._is_over = True, False, False

    def __call__(self) -> Any:
        with self._lock:
            if not self._may_begin:
                raise asyncio.CancelledError
            self._runs = True
        try:
            return self._function(*self._args)
        finally:
            self._runs, self._is_over = False, True

    def is_over(self) -> bool:
        return self._is_over

    def leave(self) -> bool:
        with self._lock:
            self._may_begin = False
        return self._runs

    def kill(self) -> None: ...


class _ExecutorCall:
    """Stands for an executor in one `run_in_executor`, to keep the future of the call."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._future: Future[Any] | None = None

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        self._future = self._executor.submit(function, *args)
        return self._future

    def is_over(self) -> bool:
        return self._future is not None and self._future.done()

    def leave(self) -> bool:
        return self._future is not None and not self._future.cancel() and not self._future.done()

    def kill(self) -> None:
        kill_workers = getattr(self._executor, "kill_workers", None)  # Python 3.14
        if kill_workers is not None:
            kill_workers()
            return
        for process in list((getattr(self._executor, "_processes", None) or {}).values()):
            process.kill()


class _Program:
    """A program that the loop has started."""

    def __init__(self, transport: asyncio.SubprocessTransport) -> None:
        self._transport = transport

    def is_over(self) -> bool:
        return self._transport.get_returncode() is not None

    def leave(self) -> bool:
        return not self.is_over()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._transport.kill()


def note_leftovers(loop: asyncio.AbstractEventLoop) -> None:
    """Note from now on what jobs start through this loop. Nothing changes outside of jobs."""
    if hasattr(loop, "_jobgate_notes_leftovers"):
        return
    loop._jobgate_notes_leftovers = True  # type: ignore[attr-defined]
    run, start, start_shell = loop.run_in_executor, loop.subprocess_exec, loop.subprocess_shell

    def run_in_executor(executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        if (job := RUNNING_JOB.get(None)) is None:
            return run(executor, func, *args)
        if executor is None:
            call = _ThreadCall(func, args)
            job.has_started(call)
            return run(None, call)
        noted = _ExecutorCall(executor)
        job.has_started(noted)
        stand_in: Any = noted
        return run(stand_in, func, *args)

    def starting(begin: Callable[..., Any]) -> Callable[..., Any]:
        async def started(*args: Any, **options: Any) -> Any:
            transport, protocol = await begin(*args, **options)
            if (job := RUNNING_JOB.get(None)) is not None:
                job.has_started(_Program(transport))
            return transport, protocol

        return started

    loop.run_in_executor = run_in_executor  # type: ignore[method-assign, assignment]
    loop.subprocess_exec = starting(start)  # type: ignore[method-assign]
    loop.subprocess_shell = starting(start_shell)  # type: ignore[method-assign]


async def all_over(leftovers: list[Leftover]) -> None:
    """Return when none of them runs any more."""
    while running := [one for one in leftovers if one.leave()]:
        leftovers = running
        await asyncio.sleep(_LOOK)  # they have no common event to wait for
