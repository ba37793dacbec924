"""An event loop in a thread of its own, which runs coroutines for threads that wait for them."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from contextvars import Context
from typing import Any, Generic, ParamSpec, TypeVar

from jobgate.client.blocking.forks import standing_still_in_forks
from jobgate.client.blocking.intake import Intake, IntakeClosed
from jobgate.client.errors import ClientClosed, WouldDeadlock

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds in which a call has to end after its thread gave up, for example because of Ctrl-C.
_END_OF_ABANDONED = 1.0

CLOSED = "The client is closed: use it before `close()`, and inside its `with` if it has one."
_CLOSED_DURING_CALL = (
    "The client was closed during this call: its job may have been enqueued, and would keep running."
)


class LoopThread:
    """A daemon thread with an event loop. It ends when it is stopped, or with the process.

    Nothing closes it when the interpreter shuts down: the thread stands still then, with all that it refers
    to, so that exit handlers may still make calls, and no object warns that it was not closed.

    Args:
        resource: Entered in the loop before any call, and left after the last one.

    Raises:
        RuntimeError: No thread can be started.
    """

    def __init__(self, resource: AbstractAsyncContextManager[object]) -> None:
        self._process = os.getpid()
        self._resource = resource
        self._executor = _Executor(thread_name_prefix="jobgate-client-names")
        # Not by the policy of the program: its loops may be bound to a thread, or to a user interface.
        self._loop = asyncio.SelectorEventLoop()
        self._loop.set_default_executor(self._executor)
        self._intake: Intake[_Call[Any]] = Intake(self._loop, self._begin)
        self._stopped = threading.Event()
        self._wake = asyncio.Event()
        self._ready = threading.Event()
        #: Each step of a set is atomic: all threads use it.
        self._calls: set[_Call[Any]] = set()
        self._thread = threading.Thread(target=self._main, name="jobgate-client", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._intake.close()
            self._loop.close()
            raise
        try:
            self._ready.wait()
        except BaseException:  # KeyboardInterrupt
            self.stop()
            raise

    @property
    def is_usable(self) -> bool:
        """Whether it takes calls. A forked process has only the thread that forked."""
        return not self._stopped.is_set() and self._process == os.getpid()

    @property
    def has_ended(self) -> bool:
        """Whether all is closed; also true for the thread of another process."""
        return self._loop.is_closed() or self._process != os.getpid()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop, and return its result or raise its error.

        An exception that is raised in the waiting thread, such as KeyboardInterrupt, cancels it.

        Raises:
            ClientClosed: The thread was stopped.
            WouldDeadlock: This is the thread itself.
        """
        if threading.get_ident() == self._thread.ident:
            coroutine.close()
            raise WouldDeadlock
        call = _Call(coroutine)
        try:
            self._submit(call)
            call.ended.acquire()
        except BaseException:
            self._abandon(call)
            raise
        try:
            return call.result()
        finally:
            # The traceback of its error refers to this frame: the cycle would keep both alive.
            del call

    def stop(self) -> None:
        """Cancel all calls and end the thread; return at once."""
        if self.is_usable:
            self._stopped.set()
            with suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._wake.set)

    def join(self) -> None:
        """Wait until a stopped thread has ended.

        Raises:
            WouldDeadlock: This is the thread itself.
        """
        if threading.get_ident() == self._thread.ident:
            raise WouldDeadlock
        if self._process == os.getpid():
            self._thread.join()

    def _submit(self, call: "_Call[Any]") -> None:
        # First into the set: so the end of the thread finds each call that the loop has accepted.
        self._calls.add(call)
        try:
            self._intake.put(call)
        except IntakeClosed:
            self._end(call)

    def _abandon(self, call: "_Call[Any]") -> None:
        if call not in self._calls:  # it has not been submitted, or it has ended at this very moment
            call.coroutine.close()
            return
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._cancel, call)
            call.ended.acquire(timeout=_END_OF_ABANDONED)

    def _begin(self, call: "_Call[Any]", context: Context) -> None:
        if self._stopped.is_set():
            self._end(call)
            return
        call.task = self._loop.create_task(self._carry_out(call), context=context)

    async def _carry_out(self, call: "_Call[Any]") -> None:
        # The thread is woken here, not by a callback of the task: that would take one more turn of the loop.
        try:
            call.value = await call.coroutine
            call.is_done = True
        except Exception as error:
            call.error = error
        finally:
            self._end(call)
            del call  # the traceback of the error refers to this frame: see `run`

    def _cancel(self, call: "_Call[Any]") -> None:
        self._intake.pass_on_all()  # it may not have begun
        if call.task is None:
            self._end(call)
        else:
            # It may have had no turn yet, and then it never has one.
            call.task.add_done_callback(lambda _: self._end(call))
            call.task.cancel()

    def _end(self, call: "_Call[Any]") -> None:
        # Also called by a thread that comes too late, while the loop's own thread ends all calls.
        try:
            self._calls.remove(call)
        except KeyError:
            return
        call.ended.release()
        call.coroutine.close()  # it may never have begun

    def _main(self) -> None:
        try:
            with standing_still_in_forks(self._loop):
                self._loop.run_until_complete(self._serve())
        finally:
            self._stopped.set()
            self._ready.set()
            self._close()
            for call in list(self._calls):
                self._end(call)

    async def _serve(self) -> None:
        async with self._resource:
            self._ready.set()
            await self._wake.wait()
            await _cancel({call.task for call in list(self._calls) if call.task is not None})

    def _close(self) -> None:
        try:
            self._loop.run_until_complete(_cancel(asyncio.all_tasks(self._loop)))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._executor.shutdown()
        finally:
            self._intake.close()
            self._loop.close()


async def _cancel(tasks: Set[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Call(Generic[T]):
    """A coroutine for which a thread waits."""

    __slots__ = ("coroutine", "ended", "error", "is_done", "task", "value")

    #: What it returned, once it is done.
    value: T

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self.coroutine = coroutine
        #: None until it is started.
        self.task: asyncio.Task[None] | None = None
        self.is_done = False
        self.error: Exception | None = None
        #: Released at the end.
        self.ended = threading.Lock()
        self.ended.acquire()

    def result(self) -> T:
        try:
            if self.is_done:
                return self.value
            raise self.error or ClientClosed(CLOSED if self.task is None else _CLOSED_DURING_CALL)
        finally:
            del self  # as above


class _Executor(ThreadPoolExecutor):
    """Looks up host names; while the interpreter shuts down, when no thread can be started, at once."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            future: Future[T] = Future()
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)
            return future
