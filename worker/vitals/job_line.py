"""Log records of the lines that each job has, made in a fraction of the time that `logger.info` takes."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType
from typing import Any, Final

from jobgate.broker import PatientRecord, PlainLog, escape_record
from jobgate.worker.log import logger

#: The filter that this logger has anyway; it leaves lines of level INFO as they are.
_OWN_FILTERS: Final = [escape_record]
_KIND: Final = type(logger)
#: What makes, handles and passes on its records; None = it was not that of `logging` from the beginning.
_MAKE, _HANDLE, _PASS_ON = (
    method if type(method) is FunctionType and method.__globals__ is vars(logging) else None
    for method in (_KIND.makeRecord, _KIND.handle, _KIND.callHandlers)
)


class JobLine:
    """One kind of line, at level INFO.

    Where only the log of a command would see its records, none are made. Otherwise they are copies of
    one, so that the stack is not searched for the caller, and go through all filters and handlers. Where
    something else than the module `logging` makes or handles records, they are made as usual.

    Args:
        text: The line, with `%` for what differs.
        code: The code that writes it, for formats that show the caller.
        may_wait: Whether it may be written a moment later; see `PatientRecord`.
    """

    def __init__(self, text: str, code: CodeType, *, may_wait: bool = False) -> None:
        self._text = text
        self._code = code
        self._may_wait = may_wait
        #: Attributes of a record of the thread with this number.
        self._attributes: dict[str, Any] = {}
        self._thread = 0
        #: When the module `logging` was imported, from which `relativeCreated` counts.
        self._began = 0.0

    def write(self, args: tuple[Any, ...], about: Callable[[], Mapping[str, object]]) -> None:
        """Log it.

        Args:
            args: What differs.
            about: Returns further attributes of the record; called if there is one.
        """
        if not _is_plain():
            logger.handle(self._made(args, about()))
        elif (log := _only_log()) is not None:
            log.write_line(logger.name, self._text % args, about, may_wait=self._may_wait)
        else:
            logger.handle(self._copied(args, about()))

    def _copied(self, args: tuple[Any, ...], about: Mapping[str, object]) -> logging.LogRecord:
        if self._thread != threading.get_ident():
            self._learn()
        now = time.time()
        kind = PatientRecord if self._may_wait else logging.LogRecord
        record = kind.__new__(kind)
        record.__dict__ = {
            **self._attributes,
            "args": args,
            "created": now,
            "msecs": int(now % 1 * 1000) + 0.0,
            "relativeCreated": (now - self._began) * 1000,
            **about,
        }
        if "taskName" in self._attributes:
            vars(record)["taskName"] = _task_name()
        return record

    def _made(self, args: tuple[Any, ...], about: Mapping[str, object]) -> logging.LogRecord:
        code = self._code
        return logger.makeRecord(
            logger.name, logging.INFO, code.co_filename, code.co_firstlineno, self._text, args, None,
            code.co_name, about,
        )  # fmt: skip

    def _learn(self) -> None:
        record = self._made((), {})
        self._attributes = vars(record)
        self._thread = threading.get_ident()
        self._began = record.created - record.relativeCreated / 1000


def _is_plain() -> bool:
    """Whether records are made and handled by `logging` itself: monitoring tools replace its functions."""
    return (
        logging.getLogRecordFactory() is logging.LogRecord
        and _KIND.makeRecord is _MAKE
        and _KIND.handle is _HANDLE
        and _KIND.callHandlers is _PASS_ON
    )


def _task_name() -> str | None:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop
        return None
    return task.get_name() if task is not None else None


def _only_log() -> PlainLog | None:
    """Return the log that alone gets what this logger logs, if it needs no records."""
    if logger.filters != _OWN_FILTERS:
        return None
    handlers: list[logging.Handler] = []
    above: logging.Logger | None = logger
    while above is not None:
        handlers += above.handlers
        above = above.parent if above.propagate else None
    only = handlers[0] if len(handlers) == 1 else None
    return only if isinstance(only, PlainLog) and only.needs_no_records else None
