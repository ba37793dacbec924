"""Functions with everything resolved that each job would otherwise look up again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.broker import FunctionDocument
from jobgate.worker.functions.descriptions import Description, describe
from jobgate.worker.functions.function import Function
from jobgate.worker.functions.retries import RetryPolicy
from jobgate.worker.functions.signatures import doubt_of_ctx, positional_bounds, signature_of


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLimits:
    """How long and how often a job may run, and how long its result is kept."""

    #: Run limit in seconds; None = no limit.
    timeout: float | None
    #: Starts allowed.
    max_tries: int
    #: Seconds to keep the result; 0 = not at all, None = for ever.
    keep: float | None


class ResolvedFunction:
    """A function of one worker, ready to be called: its limits are its own or else the worker's."""

    __slots__ = (
        "_description", "_least", "_most", "_signature", "call", "in_process", "in_thread", "is_cron",
        "is_plain", "limits", "name", "policy",
    )  # fmt: skip

    def __init__(
        self,
        function: Function,
        limits: RunLimits,
        policy: RetryPolicy | None,
        *,
        is_cron: bool,
        validate: bool = True,
    ) -> None:
        self.name = function.name
        #: Whether a cron job runs it.
        self.is_cron = is_cron
        self.call: Callable[..., Any] = function.coroutine
        self.is_plain = function.is_plain
        self.in_process = self.is_plain and function.executor == "process"
        self.in_thread = self.is_plain and not self.in_process
        #: None: exceptions other than `Retry` fail the job.
        self.policy = policy
        self.limits = limits
        self._description: Description = describe(function.coroutine, validate=validate)
        self._signature = signature_of(function.coroutine)
        self._least, self._most = positional_bounds(self._signature)

    @property
    def document(self) -> FunctionDocument:
        """What the worker publishes of it."""
        known = self._description
        return FunctionDocument(
            name=self.name,
            description=known.text.description,
            parameters=known.parameters,
            returns=known.returns,
            returns_description=known.text.returns,
            definitions=known.adapters.definitions if known.adapters else {},
            timeout=self.limits.timeout,
            max_tries=self.limits.max_tries,
        )

    @property
    def doubt(self) -> str | None:
        """A warning for the start, in one line; None = there is nothing to warn of."""
        problem = self._description.problem
        found = [doubt_of_ctx(self.name, self._signature), f"{self.name} {problem}" if problem else None]
        return "; ".join(filter(None, found)) or None

    def refusal(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
        """Return why a job's arguments do not fit the function; None where they fit.

        Args:
            args: Positional arguments, without `ctx`.
            kwargs: Keyword arguments.
        """
        if self._signature is None or (not kwargs and self._least <= len(args) <= self._most):
            return None  # the common case, without binding
        try:
            self._signature.bind(None, *args, **kwargs)
        except TypeError as error:
            doubt = doubt_of_ctx(self.name, self._signature)
            return f"{error}; {doubt}" if doubt else str(error)
        return None
