"""Functions with everything resolved that each job would otherwise look up again."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgate.broker import FunctionDocument, ParameterKind, printable
from jobgate.worker.functions.descriptions import Description, describe
from jobgate.worker.functions.function import Function
from jobgate.worker.functions.retries import RetryPolicy
from jobgate.worker.functions.signatures import doubt_of_ctx, positional_bounds, signature_of
from jobgate.worker.hints import RETURN, AdapterCache, Arguments, ArgumentsRefused
from jobgate.worker.log import logger

if TYPE_CHECKING:  # it imports pydantic
    from jobgate.worker.hints.conversion import ArgumentConverter, ResultConverter

#: Characters of a reason in a warning.
_LONGEST_REASON = 300


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
    """A function of one worker, ready to be called: its limits are its own or else the worker's.

    Args:
        function: The function as it is defined.
        limits: Its own or else the worker's.
        policy: Its retry policy.
        is_cron: Whether a cron job runs it.
        cache: The adapters of the worker's type hints; None = the function's hints are not used.
    """

    __slots__ = (
        "_argument_converter", "_description", "_least", "_most", "_only_by_place", "_result_converter",
        "_signature", "_takes_any_name", "_warned", "call", "in_process", "in_thread", "is_cron", "is_plain",
        "limits", "name", "policy",
    )  # fmt: skip

    def __init__(
        self,
        function: Function,
        limits: RunLimits,
        policy: RetryPolicy | None,
        *,
        is_cron: bool,
        cache: AdapterCache | None = None,
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
        self._signature = signature_of(function.coroutine)
        self._least, self._most = positional_bounds(self._signature)
        self._description: Description = describe(function.coroutine, cache)
        self._argument_converter, self._result_converter = _converters_of(self._description)
        parameters = self._description.parameters or ()
        self._takes_any_name = any(one.kind is ParameterKind.VAR_KEYWORD for one in parameters)
        #: Names that `**kwargs` takes although parameters that are given by place have them.
        self._only_by_place = frozenset(
            one.name
            for one in parameters
            if self._takes_any_name and one.kind is ParameterKind.POSITIONAL_ONLY
        )
        #: Warnings that were logged: each is logged once.
        self._warned: set[str] = set()

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
            definitions=known.definitions,
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
        """Return why a job's arguments cannot be passed to the function; None where they can.

        Args:
            args: Positional arguments, without `ctx`.
            kwargs: Keyword arguments.
        """
        if self._signature is None or (not kwargs and self._least <= len(args) <= self._most):
            return None  # the common case, without binding
        if self._only_by_place:
            # Before Python 3.13, `bind` does not know that `**kwargs` takes these names.
            kwargs = {name: value for name, value in kwargs.items() if name not in self._only_by_place}
        try:
            self._signature.bind(None, *args, **kwargs)
        except TypeError as error:
            doubt = doubt_of_ctx(self.name, self._signature)
            return f"{error}; {doubt}" if doubt else str(error)
        return None

    def arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, is_plain: bool) -> Arguments:
        """Return the arguments to call the function with: what its hints say, in place of plain data.

        Args:
            args: Positional arguments, without `ctx`.
            kwargs: Keyword arguments.
            is_plain: They are known to be plain data, because they came as JSON.

        Raises:
            ArgumentsRefused: They cannot be passed, or are not of the types that the hints say.
            BaseException: What the user's own validators raise.
        """
        converter = self._argument_converter
        if converter is None or (kwargs and self._takes_any_name):
            # Only Python's own binding knows that `ctx` is not among these names.
            self._check_binding(args, kwargs)
        if converter is None:
            return args, kwargs
        converted = converter.convert(args, kwargs, is_plain=is_plain)
        if converted is None:
            self._check_binding(args, kwargs)
            raise ArgumentsRefused(converter.misfits(args, kwargs) or "the arguments do not fit")
        return converted

    def _check_binding(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if (mismatch := self.refusal(args, kwargs)) is not None:
            raise ArgumentsRefused(mismatch)

    def as_plain(self, value: Any) -> Any:
        """Return what the function has returned as plain data, as its hint says; else as it is.

        A value that does not fit the hint is turned into plain data as far as possible.
        """
        converter = self._result_converter
        # Reading an iterator would run the function's code here, perhaps without end.
        if converter is None or issubclass(type(value), Iterator):
            return value
        try:
            return converter.convert(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a type's own code may raise anything
            # pydantic's text would show parts of the value.
            expected = ", ".join(re.findall("Expected (`[^`]+`)", str(error)))
            reason = f", expected {expected}" if expected else f" ({type(error).__name__})"
            kind = printable(f"got {type(value).__name__}{reason}"[:_LONGEST_REASON])
            self.warn("%s returned a value that does not fit its type hint: %s", self.name, kind)
        try:
            return converter.convert(value, strict=False)
        except KeyboardInterrupt:
            raise
        except BaseException:
            return value

    def warn(self, text: str, *parts: object) -> None:
        """Log a warning, once for each text."""
        if text not in self._warned:
            self._warned.add(text)
            logger.warning(text, *parts)


def _converters_of(known: Description) -> "tuple[ArgumentConverter | None, ResultConverter | None]":
    """Return what converts the arguments and the results of a function; None = nothing is to be done."""
    adapters = dict(known.adapters)
    if not adapters:
        return None, None
    from jobgate.worker.hints.conversion import (  # noqa: PLC0415 - it imports pydantic
        ArgumentConverter,
        ResultConverter,
    )

    returned = adapters.pop(RETURN, None)
    return (
        ArgumentConverter(known.parameters or (), adapters) if adapters else None,
        ResultConverter(returned) if returned else None,
    )
