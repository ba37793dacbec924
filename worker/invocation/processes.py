"""Runs plain functions in child processes: `executor="process"`.

Each child runs one call at a time and is reused. Unlike a thread it can be stopped: a cancelled call kills
its child. Unlike in a `ProcessPoolExecutor`, a child that dies does not break other calls.
"""

import asyncio
import logging
import multiprocessing
import pickle
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jobgate.broker import ForeignTraceback
from jobgate.worker.errors import NotTransferable, ProcessDied, ProcessRaised
from jobgate.worker.invocation import child

#: Takes the fraction and the message that a function reports.
OnProgress = Callable[[float, str | None], object]
#: Parts of a `ctx` that stay here: the child makes its own `progress`, and a pool belongs to one event loop.
_NOT_SENT = ("progress", "redis")
#: Seconds to wait for the end of a killed child.
_KILLED = 5.0
#: Seconds between two checks whether a child still runs, and whether a killed one has ended.
_LOOK, _SHORT_LOOK = 0.5, 0.01


class ProcessPool:
    """The child processes of one worker; they start when they are needed.

    Args:
        size: Most processes at once; further calls wait.
    """

    def __init__(self, size: int) -> None:
        # spawn: a fork would share the locks and connections of this process.
        self._context = multiprocessing.get_context("spawn")
        self._room = asyncio.Semaphore(size)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="jobgate-process")
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()

    async def run(
        self,
        function: Callable[..., Any],
        ctx: Mapping[str, Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        on_progress: OnProgress,
    ) -> Any:
        """Call a function in a child and return its value. Cancelling kills the child.

        Args:
            function: The function.
            ctx: Its first argument; values that cannot be pickled are left out.
            args: Its positional arguments after `ctx`.
            kwargs: Its keyword arguments.
            on_progress: Receives progress reports, in another thread.

        Raises:
            ProcessDied: The child ended before the function did.
            ProcessRaised: The function raised an exception that cannot be pickled.
            NotTransferable: The function returned a value that cannot be pickled.
            Exception: Whatever else the function raised.
        """
        level = logging.getLogger().getEffectiveLevel()
        call = child.ProcessCall(function, _transferable(ctx), tuple(args), dict(kwargs), level)
        async with self._room:
            answer = await self._ask(call, on_progress)
        return _value(answer)

    def close(self) -> None:
        """Kill all children and wait until they have ended."""
        for one in (children := [*self._idle, *self._busy]):
            one.kill()
        for one in children:
            one.join()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, call: child.ProcessCall, on_progress: OnProgress) -> object:
        one = self._take()
        self._busy.add(one)
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._threads, one.ask, call, on_progress)
        except BaseException:
            one.kill()
            raise
        finally:
            self._busy.discard(one)
        self._idle.append(one)
        return answer

    def _take(self) -> "_Child":
        """Return an idle child, or else a new one."""
        while self._idle:
            one = self._idle.pop()
            if one.alive:
                return one
            one.kill()
        return _Child(self._context)


class _Child:
    """One child process. `ask` runs in a thread, everything else in the event loop's."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._process: Any = None
        self._pipe: Any = None
        self._lock = threading.Lock()
        self._killed = False

    @property
    def alive(self) -> bool:
        """Whether it has started and still runs."""
        return self._process is not None and self._process.is_alive()

    def ask(self, call: child.ProcessCall, on_progress: OnProgress) -> object:
        """Send a call and return its answer. Raises ProcessDied."""
        try:
            blob = pickle.dumps(call)
            self._start()
            self._pipe.send_bytes(blob)
            while True:
                message = pickle.loads(self._receive())  # noqa: S301 - our child sent it
                if isinstance(message, child.Report):
                    on_progress(message.fraction, message.message)
                elif isinstance(message, logging.LogRecord):
                    _log(message)
                else:
                    return message
        except (EOFError, OSError):
            self.join()
            # The error of the pipe says nothing about the function.
            raise ProcessDied(None if self._process is None else self._process.exitcode) from None

    def kill(self) -> None:
        """End it at once. Its thread then sees the end of the pipe."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.kill()

    def join(self) -> None:
        """Wait until it has ended."""
        until = time.monotonic() + _KILLED
        while self.alive and time.monotonic() < until:
            time.sleep(_SHORT_LOOK)

    def _receive(self) -> bytes:
        """Return its next message; raises EOFError when it has ended without one.

        Neither the pipe nor `Process.join` notice its end while a process forked by the function holds
        copies of their file descriptors.
        """
        while not self._pipe.poll(_LOOK):
            if not self.alive and not self._pipe.poll():
                raise EOFError
        message: bytes = self._pipe.recv_bytes()
        return message

    def _start(self) -> None:
        with self._lock:
            if self._killed:
                raise EOFError
            if self._process is not None:
                return
            self._pipe, theirs = self._context.Pipe()
            self._process = self._context.Process(target=child.main, args=(theirs,), name="jobgate-function")
            self._process.start()
        theirs.close()  # so that the pipe ends with the child


def _log(record: logging.LogRecord) -> None:
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def _transferable(ctx: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a `ctx` that can be pickled; connections, for example, cannot."""
    return {name: value for name, value in ctx.items() if name not in _NOT_SENT and _is_transferable(value)}


def _is_transferable(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


def _value(answer: object) -> Any:
    match answer:
        case child.Returned(value=value):
            return pickle.loads(value)  # noqa: S301 - our child sent it
        case child.Raised():
            raise _exception(answer)
        case child.Unstorable(reason=reason):
            raise NotTransferable(reason)
    raise ProcessDied(None)


def _exception(raised: child.Raised) -> Exception:
    """Return what the function raised, with the child's traceback as its cause."""
    exception: object
    try:
        exception = pickle.loads(raised.exception or b"")  # noqa: S301 - our child sent it
    except Exception:
        exception = None
    if not isinstance(exception, Exception):  # SystemExit must not end this process
        exception = ProcessRaised(raised.type, raised.message)
    exception.__cause__ = ForeignTraceback(f"\n{raised.traceback}")
    return exception
