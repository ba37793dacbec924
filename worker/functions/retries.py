"""Retries: which exceptions let a job run again, and after which pause."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobgate import broker
from jobgate.broker import Seconds, in_seconds
from jobgate.worker.errors import SettingsError, WorkerError
from jobgate.worker.log import logger

#: A user's own backoff: from the number of the failed try (from 1) to the pause before the next one.
Rule = Callable[[int], Seconds]


class Retry(WorkerError, RuntimeError):
    """Raised by a function to run its job again, as a further try.

    Raised in the last try allowed, it fails the job with `max-tries`.
    """

    def __init__(self, defer: Seconds | None = None) -> None:
        """Ask for a further try.

        Args:
            defer: Seconds from now until then; None = at once, before younger jobs (as in arq).

        Raises:
            ValueError: `defer` is not a finite number.
        """
        super().__init__()
        #: Seconds from now until the next try; None = at the job's old place in the queue.
        self.defer: float | None = None if defer is None else in_seconds(defer)
        if self.defer is not None and not math.isfinite(self.defer):
            raise ValueError(f"Retry(defer=…) must be a finite number of seconds, not {self.defer:g}")

    @property
    def defer_score(self) -> int | None:
        """`defer` in milliseconds, by arq's name."""
        return None if self.defer is None else int(self.defer * 1000)

    def __repr__(self) -> str:
        return f"<Retry defer {self.defer or 0:0.2f}s>"

    def __str__(self) -> str:
        return repr(self)


class RetryJob(WorkerError, RuntimeError):
    """Raised by a function to run its job again as if the worker had been stopped.

    Unlike a real stop of a worker it uses up a try.
    """


class Backoff(broker.Backoff):
    """Growing pauses between the tries of a job. Raises SettingsError if a number is out of range."""

    __slots__ = ()

    def __post_init__(self) -> None:
        try:
            super().__post_init__()
        except ValueError as error:
            raise SettingsError(str(error)) from None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What happens after exceptions of a function other than `Retry`."""

    #: Classes of exceptions after which the job runs again. A timeout counts as `TimeoutError`.
    retry_on: tuple[type[Exception], ...]
    backoff: Backoff | Rule

    def covers(self, raised: BaseException) -> bool:
        """Whether the job runs again after this exception."""
        return isinstance(raised, self.retry_on)

    def pause(self, tries: int, chance: float) -> float:
        """Return the seconds until the next try; where the user's own rule fails, those of the default."""
        if isinstance(self.backoff, Backoff):
            return self.backoff.pause(tries, chance)
        try:
            seconds = in_seconds(self.backoff(tries))
            if not 0 <= seconds < math.inf:
                raise ValueError(f"{seconds:g} is not a pause in seconds")
        except Exception:
            logger.exception("backoff of try %d raised, the default is used", tries)
            return Backoff().pause(tries, chance)
        return seconds


def as_retry_on(where: str, value: Any) -> tuple[type[Exception], ...]:
    """Return one class of exceptions, or several, as a tuple.

    Raises:
        SettingsError: The value is something else.
    """
    classes = tuple(value) if isinstance(value, tuple | list | set | frozenset) else (value,)
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, Exception)):
            raise SettingsError(f"{where} must be classes of exceptions, not {each!r}")
    return classes


def as_backoff(where: str, value: Any) -> Backoff | Rule:
    """Return a backoff that is given as `Backoff`, the seconds of its first pause, or a rule.

    Raises:
        SettingsError: The value is none of these.
    """
    if isinstance(value, Backoff) or (callable(value) and not isinstance(value, type)):
        rule: Backoff | Rule = value
        return rule
    try:
        return Backoff(first=value)
    except (TypeError, ValueError):
        raise SettingsError(f"{where} must be seconds, Backoff(…) or a function, not {value!r}") from None
