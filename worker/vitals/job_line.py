"""Log records of the lines that each job has, made in a fraction of the time that `logger.info` takes."""

import logging
import threading
import time
from collections.abc import Mapping
from types import CodeType
from typing import Any

from jobgate.broker import PatientRecord
from jobgate.worker.log import logger


class JobLine:
    """One kind of line, at level INFO.

    Its records differ in little, so they are copies of one: the stack is not searched for the caller. They go
    through all filters and handlers. Where the user has set a factory of records, that one makes them.

    Args:
        text: The line, with `%` for what differs.
        code: The code that writes it, for formats that show the caller.
        may_wait: Whether it may be written a moment later; see `PatientRecord`.
    """

    def __init__(self, text: str, code: CodeType, *, may_wait: bool = False) -> None:
        self._text = text
        self._code = code
        self._kind = PatientRecord if may_wait else logging.LogRecord
        #: Attributes of a record of the thread with this number.
        self._attributes: dict[str, Any] = {}
        self._thread = 0
        #: When the module `logging` was imported, from which `relativeCreated` counts.
        self._began = 0.0

    def write(self, args: tuple[Any, ...], about: Mapping[str, object]) -> None:
        """Log it.

        Args:
            args: What differs.
            about: Further attributes of the record.
        """
        if logging.getLogRecordFactory() is not logging.LogRecord:
            logger.handle(self._made(args, about))
            return
        if self._thread != threading.get_ident():
            self._learn()
        now = time.time()
        record = self._kind.__new__(self._kind)
        record.__dict__ = {
            **self._attributes,
            "args": args,
            "created": now,
            "msecs": int(now % 1 * 1000) + 0.0,
            "relativeCreated": (now - self._began) * 1000,
            **about,
        }
        logger.handle(record)

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
