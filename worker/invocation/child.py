"""The child process of `executor="process"`: takes calls from a pipe, one at a time, and answers each."""

import contextlib
import logging.handlers
import os
import pickle
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from typing import Any

from jobgate.broker import traceback_text
from jobgate.worker.invocation.ctx import ProgressReporter


@dataclass(frozen=True, slots=True)
class ProcessCall:
    """A call requested by the parent."""

    function: Callable[..., Any]
    ctx: dict[str, Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: Level of the parent's root logger.
    log_level: int


@dataclass(frozen=True, slots=True)
class Report:
    """Progress of the current call."""

    fraction: float
    message: str | None


@dataclass(frozen=True, slots=True)
class Returned:
    """The call returned `value`, which is pickled."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Unstorable:
    """The call returned a value that cannot be pickled."""

    reason: str


@dataclass(frozen=True, slots=True)
class Raised:
    """The call raised `exception`, which is pickled; None if it cannot be pickled."""

    exception: bytes | None
    type: str
    message: str
    traceback: str


class _Answers:
    """The child's end of the pipe: several threads of a function may report and log at once."""

    def __init__(self, pipe: "connection.Connection[Any, Any]") -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        blob = pickle.dumps(message)
        with self._lock:
            self._pipe.send_bytes(blob)

    #: `QueueHandler` sends log records through this method: it treats the pipe as a queue.
    put_nowait = send


def main(pipe: "connection.Connection[Any, Any]") -> None:
    """Answer calls until the parent closes the pipe or dies."""
    # The parent handles signals to the whole process group, such as Ctrl-C. They are not ignored
    # here, because programs that a function starts would inherit that.
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, _leave_to_parent)
    threading.Thread(target=_end_with_parent, daemon=True, name="jobgate-parent").start()
    answers = _Answers(pipe)
    queue: Any = answers
    logging.getLogger().addHandler(logging.handlers.QueueHandler(queue))
    with contextlib.suppress(EOFError, OSError):
        while True:
            answers.send(_answer(pipe.recv_bytes(), answers))


def _answer(blob: bytes, answers: _Answers) -> object:
    try:
        call: ProcessCall = pickle.loads(blob)  # noqa: S301 - the parent sent it
        logging.getLogger().setLevel(call.log_level)
        report = ProgressReporter(lambda fraction, message: answers.send(Report(fraction, message)))
        value = call.function({**call.ctx, "progress": report}, *call.args, **call.kwargs)
    except BaseException as raised:  # SystemExit too: it must not end this process
        return _raised(raised)
    try:
        return Returned(pickle.dumps(value))
    except Exception as error:  # __reduce__ of any class may raise anything
        return Unstorable(f"{type(value).__name__} cannot be sent back by the child process: {error}")


def _raised(raised: BaseException) -> Raised:
    try:
        blob: bytes | None = pickle.dumps(raised)
    except Exception:
        blob = None
    try:
        message = str(raised)
    except Exception:
        message = f"<{type(raised).__name__} whose text cannot be read>"
    if raised.__traceback__ is not None:  # without the frame of this module, which called it
        raised.__traceback__ = raised.__traceback__.tb_next
    return Raised(blob, type(raised).__name__, message, traceback_text(raised))


def _leave_to_parent(_number: int, _frame: object) -> None:
    """Do nothing."""


def _end_with_parent() -> None:
    """Exit at once when the parent dies: the job will run again elsewhere."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
