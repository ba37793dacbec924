"""The functions of one worker with everything resolved that each job would otherwise look up."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.worker.functions import Function
from jobgate.worker.retrying import RetryPolicy
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
        "_exact", "_least", "_most", "_signature", "call", "in_process", "in_thread", "is_plain", "limits",
        "name", "policy",
    )  # fmt: skip

    def __init__(self, function: Function, limits: Limits, policy: RetryPolicy | None = None) -> None:
        self.name = function.name
        self.call: Callable[..., Any] = function.coroutine
        self.is_plain = function.is_plain
        self.in_thread = function.in_thread
        self.in_process = function.in_process
        #: None: exceptions other than `Retry` fail the job.
        self.policy = policy
        self.limits = limits
        self._signature = _signature(function.coroutine)
        self._least, self._most = _positional_bounds(self._signature)

    def refusal(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
        """Return why the arguments do not fit the function; None where they fit.

        `ctx` is counted in by this method, callers pass the job's own arguments.
        """
        if self._signature is None or (not kwargs and self._least <= len(args) <= self._most):
            return None  # the common case, without binding
        try:
            self._signature.bind(None, *args, **kwargs)
        except TypeError as error:
            return str(error)
        return None


def resolve(functions: Iterable[Function], settings: Settings) -> dict[str, Offer]:
    """Return the offers by name, each with its own limits or else the worker's."""
    return {each.name: Offer(each, _limits(each, settings), _policy(each, settings)) for each in functions}


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


def _signature(call: Callable[..., Any]) -> inspect.Signature | None:
    try:
        # A decorator may add arguments of its own: what counts is what it takes, not what it wraps.
        return inspect.signature(call, follow_wrapped=False)
    except (TypeError, ValueError):  # some builtins do not tell
        return None


def _positional_bounds(signature: inspect.Signature | None) -> tuple[int, int]:
    """Return how many arguments after `ctx` may be given by position alone; (1, 0) = ask `bind`."""
    least = most = -1  # ctx takes the first place
    for parameter in signature.parameters.values() if signature else ():
        required = parameter.default is parameter.empty
        if parameter.kind is parameter.VAR_POSITIONAL:
            most = 2**31
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            least, most = least + required, most + 1
        elif parameter.kind is parameter.KEYWORD_ONLY and required:
            return 1, 0
    return max(least, 0), most
