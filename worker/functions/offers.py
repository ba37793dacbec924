"""The functions of one worker with everything resolved that each job would otherwise look up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.worker.functions.function import Function
from jobgate.worker.functions.retry_policy import RetryPolicy
from jobgate.worker.functions.signatures import doubt_of_ctx, positional_bounds, signature_of
from jobgate.worker.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long and how often a job may run, and how long its result stays."""

    #: Run limit in seconds; None = none.
    timeout: float | None
    #: Starts allowed.
    max_tries: int
    #: Seconds to keep the result; 0 = not at all, None = for ever.
    keep: float | None


class Offer:
    """One function, ready to be called."""

    __slots__ = (
        "_exact", "_least", "_most", "_signature", "call", "in_process", "in_thread", "is_cron", "is_plain",
        "limits", "name", "policy",
    )  # fmt: skip

    def __init__(
        self, function: Function, limits: Limits, policy: RetryPolicy | None = None, *, is_cron: bool = False
    ) -> None:
        self.name = function.name
        #: Whether a cron job runs it.
        self.is_cron = is_cron
        self.call: Callable[..., Any] = function.coroutine
        self.is_plain = function.is_plain
        self.in_thread = function.in_thread
        self.in_process = function.in_process
        #: None: exceptions other than `Retry` fail the job.
        self.policy = policy
        self.limits = limits
        self._signature = signature_of(function.coroutine)
        self._least, self._most = positional_bounds(self._signature)

    def refusal(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
        """Return why the arguments do not fit the function; None where they fit.

        `ctx` is counted in by this method, callers pass the job's own arguments.
        """
        if self._signature is None or (not kwargs and self._least <= len(args) <= self._most):
            return None  # the common case, without binding
        try:
            self._signature.bind(None, *args, **kwargs)
        except TypeError as error:
            doubt = doubt_of_ctx(self.name, self._signature)
            return f"{error}; {doubt}" if doubt else str(error)
        return None


def resolve(functions: Iterable[Function], settings: Settings) -> dict[str, Offer]:
    """Return the offers by name, each with its own limits or else the worker's."""
    crons = {cron.name for cron in settings.cron_jobs}
    return {
        each.name: Offer(each, _limits(each, settings), _policy(each, settings), is_cron=each.name in crons)
        for each in functions
    }


def worker_limits(settings: Settings) -> Limits:
    """Return the limits of jobs whose function is not known."""
    keep = None if settings.keep_result_forever else settings.keep_result
    return Limits(timeout=settings.job_timeout, max_tries=settings.max_tries, keep=keep)


def _limits(function: Function, settings: Settings) -> Limits:
    forever = function.keep_result_forever
    if forever is None:
        forever = settings.keep_result_forever
    keep = settings.keep_result if function.keep_result_s is None else function.keep_result_s
    return Limits(
        timeout=function.timeout_s or settings.job_timeout,
        max_tries=function.max_tries or settings.max_tries,
        keep=None if forever else keep,
    )


def _policy(function: Function, settings: Settings) -> RetryPolicy | None:
    retry_on = settings.retry_on if function.retry_on is None else function.retry_on
    backoff = settings.backoff if function.backoff is None else function.backoff
    return RetryPolicy(retry_on, backoff) if retry_on else None
