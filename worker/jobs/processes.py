"""Runs plain functions in child processes: `executor="process"`.

Each child runs one call at a time and is used again. Unlike a thread it can be stopped: a call that is
cancelled costs its child. Unlike `ProcessPoolExecutor`, a child that dies takes no other call with it.
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

from jobgate.broker.log_text import ForeignTraceback
from jobgate.worker.errors import NotTransferable, ProcessDied, ProcessRaised
from jobgate.worker.jobs import child

#: Takes the fraction and message that a function reports.
Report = Callable[[float, str | None], object]
#: What stays here of a `ctx`: the child makes its own `progress`, and a pool belongs to one event loop.
_KEPT = ("progress", "redis")
#: Seconds that a killed child gets to be gone.
_KILLED = 5.0
#: Seconds between two looks whether a child still lives, and how long to wait for one that is being killed.
_LOOK, _SHORT_LOOK = 0.5, 0.01


class ProcessPool:
    """The child processes of one worker; they start when they are needed.

    Args:
        size: most of them; further calls wait.
    """

    def __init__(self, size: int) -> None:
        # spawn: a fork of a process with threads and connections would share what must not be shared.
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
        on_progress: Report,
    ) -> Any:
        """Call a function in a child and return its value. When it is cancelled the child is killed.

        Args:
            function: what to call.
            ctx: its first argument; what cannot be pickled is left out.
            args: its further arguments.
            kwargs: its named arguments.
            on_progress: takes reports, in another thread.

        Raises:
            ProcessDied: the child ended before the function did.
            ProcessRaised: the function raised what cannot be carried over.
            NotTransferable: it returned what cannot be carried over.
            Exception: whatever else the function raised.
        """
        level = logging.getLogger().getEffectiveLevel()
        call = child.Call(function, _transferable(ctx), tuple(args), dict(kwargs), level)
        async with self._room:
            answer = await self._ask(call, on_progress)
        return _value(answer)

    def close(self) -> None:
        """Kill all children and wait until they are gone."""
        for one in (children := [*self._idle, *self._busy]):
            one.kill()
        for one in children:
            one.join()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, call: child.Call, on_progress: Report) -> object:
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
        """Return a child that waits, else a new one."""
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
        """Whether it has been started and runs."""
        return self._process is not None and self._process.is_alive()

    def ask(self, call: child.Call, on_progress: Report) -> object:
        """Send a call and return its answer. Raises ProcessDied."""
        try:
            blob = pickle.dumps(call)
            self._start()
            self._pipe.send_bytes(blob)
            while True:
                message = pickle.loads(self._receive())  # noqa: S301 - it is our child's
                if isinstance(message, child.Report):
                    on_progress(message.fraction, message.message)
                elif isinstance(message, logging.LogRecord):
                    _log(message)
                else:
                    return message
        except (EOFError, OSError):
            self.join()
            # How the pipe told of it says nothing about the function.
            raise ProcessDied(None if self._process is None else self._process.exitcode) from None

    def kill(self) -> None:
        """End it at once, whatever it does. Its thread then sees the end of the pipe."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.kill()

    def join(self) -> None:
        """Wait until it is gone."""
        until = time.monotonic() + _KILLED
        while self.alive and time.monotonic() < until:
            time.sleep(_SHORT_LOOK)

    def _receive(self) -> bytes:
        """Return its next message; raises EOFError when there is none to come.

        Neither the pipe nor `Process.join` tell of its end while a process that the function has forked
        holds copies of what they watch.
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
        theirs.close()  # so that the child's end is the end of the pipe


def _log(record: logging.LogRecord) -> None:
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def _transferable(ctx: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a `ctx` that can be pickled; most connections and the like cannot."""
    return {name: value for name, value in ctx.items() if name not in _KEPT and _is_transferable(value)}


def _is_transferable(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


def _value(answer: object) -> Any:
    match answer:
        case child.Returned(value=value):
            return pickle.loads(value)  # noqa: S301 - it is our child's
        case child.Raised():
            raise _exception(answer)
        case child.Unstorable(reason=reason):
            raise NotTransferable(reason)
    raise ProcessDied(None)


def _exception(raised: child.Raised) -> Exception:
    """Return what the function raised, with the child's traceback as its cause."""
    exception: object
    try:
        exception = pickle.loads(raised.exception or b"")  # noqa: S301 - it is our child's
    except Exception:
        exception = None
    if not isinstance(exception, Exception):  # or it asks to leave a process, which is not this one
        exception = ProcessRaised(raised.type, raised.message)
    exception.__cause__ = ForeignTraceback(f"\n{raised.traceback}")
    return exception
