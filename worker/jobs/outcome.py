"""The outcome of one try: pure decisions, no I/O."""

import asyncio
import traceback
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from jobgate.broker import Backoff, Failure, FailureCode
from jobgate.worker.errors import NotTransferable, ProcessRaised
from jobgate.worker.functions import Retry, RetryJob, RetryPolicy

#: Longest message, class name of an exception, and traceback that are stored, in characters.
MESSAGE_LIMIT = 4_096
NAME_LIMIT = 200
TRACEBACK_LIMIT = 32_768
#: Modules whose frames lead to the user's own code, and say nothing about it.
_MACHINERY = ("jobgate.worker.", "concurrent.futures.", "asyncio.")
#: The pause after a try in which a function cancelled itself.
_PAUSE = Backoff(first=1, factor=2, longest=60, jitter=False)


class Stop(StrEnum):
    """Why the worker cancelled a running job."""

    #: A caller asked to abort it.
    ABORT = "abort"
    #: It ran longer than its timeout.
    TIMEOUT = "timeout"
    #: The worker stops.
    SHUTDOWN = "shutdown"
    #: Its lease ran out or belongs to another worker.
    LOST = "lost"


class OutcomeKind(StrEnum):
    """What happens to a job after a try."""

    #: Store its result.
    SUCCESS = "success"
    #: Store its failure.
    FAILED = "failed"
    #: Let it run again; this try counts.
    RETRY = "retried"
    #: Give it back; this try does not count.
    RELEASE = "released"
    #: Nothing: another worker has it.
    LOST = "lost"


@dataclass(slots=True)  # one is made for each try: to freeze it would take longer than to make it
class Outcome:
    """How one try ended, and what follows from that; never changed."""

    kind: OutcomeKind
    #: The return value of a success.
    value: Any = None
    #: The reason for a failure.
    failure: Failure | None = None
    #: The exception, for codecs that store exceptions, for the log and for hooks.
    exception: BaseException | None = None
    #: Seconds until the next try; None = at its old place in the queue.
    defer: float | None = None
    #: What made the function ask for another try, as in `raise Retry from error`; None = unknown.
    cause: BaseException | None = None
    #: For operators: an addition to the message of a failure in the log, or why a try is run again.
    note: str = ""

    @property
    def label(self) -> str:
        """Its name in metrics: the failure's code or the kind."""
        return self.failure.code.value if self.failure else self.kind.value


@dataclass(frozen=True, slots=True)
class TryFacts:
    """What the outcome depends on besides the exception."""

    #: Number of this try, and how many are allowed.
    tries: int
    max_tries: int
    #: Why the worker cancelled it, if it did.
    stop: Stop | None = None
    #: Run limit in seconds, for the message.
    timeout: float | None = None
    #: arq's `retry_jobs`.
    retry_jobs: bool = True
    #: The retry policy of the function; None = exceptions fail the job.
    policy: RetryPolicy | None = None
    #: Jitter of the pause, 0 to 1, drawn beforehand, so that the decision itself is deterministic.
    chance: float = 1.0


def failed(code: FailureCode, message: str, *, type_name: str = "JobExecutionFailed") -> Outcome:
    """Return the outcome of a job that failed without an exception of its function.

    Args:
        code: Why it failed.
        message: What the caller reads.
        type_name: Name of an exception class; by default arq's name for such failures.
    """
    return Outcome(OutcomeKind.FAILED, failure=_bounded(Failure(type=type_name, message=message, code=code)))


def _bounded(failure: Failure, *, name: int = NAME_LIMIT, message: int = MESSAGE_LIMIT) -> Failure:
    """Truncate texts that are not ours: class names, messages of exceptions and of codecs."""
    return replace(failure, type=failure.type[:name], message=failure.message[:message])


def brief(failure: Failure) -> Failure:
    """Return a failure that fits under every limit of results: its type and the start of its message."""
    return replace(_bounded(failure, name=80, message=100), traceback=None)


def unserialisable(outcome: Outcome, reason: str) -> Outcome:
    """Return the outcome that replaces one whose value cannot be stored."""
    if outcome.failure is not None:
        # It failed anyway: only the exception object is left out.
        return Outcome(OutcomeKind.FAILED, failure=outcome.failure)
    message = f"unable to serialize result: {reason}"
    return failed(FailureCode.UNSERIALISABLE_RESULT, message, type_name="SerializationError")


def classify(raised: BaseException, facts: TryFacts) -> Outcome:
    """Return the outcome of a try that ended with an exception.

    Retries and cancellations follow arq, with two differences: a release gives the try back, and a `Retry` in
    the last allowed try fails at once, without one more start. Other exceptions are up to the retry policy;
    in the last allowed try they are stored as they are.
    """
    if isinstance(raised, asyncio.CancelledError):
        return _cancelled(raised, facts)
    if facts.retry_jobs and _is_a(raised, Retry):
        cause = raised.__cause__ or (None if raised.__suppress_context__ else raised.__context__)
        return _retry(facts, defer=_defer_of(raised), cause=cause)
    if facts.retry_jobs and _is_a(raised, RetryJob):
        return _retry(facts, note="cancelled")
    if isinstance(raised, NotTransferable):
        return unserialisable(Outcome(OutcomeKind.SUCCESS), str(raised))
    return _raised(raised, FailureCode.ERROR, message_of(raised), facts)


def _raised(raised: BaseException, code: FailureCode, message: str, facts: TryFacts) -> Outcome:
    """Return the outcome by the function's retry policy: another try, or a failure with its own name."""
    policy = facts.policy
    if policy is None or not facts.retry_jobs or facts.tries >= facts.max_tries:
        return _failed_with(raised, code, message)
    if facts.stop is Stop.ABORT or not policy.covers(raised):
        return _failed_with(raised, code, message)
    return Outcome(OutcomeKind.RETRY, exception=raised, defer=policy.pause(facts.tries, facts.chance))


def _cancelled(raised: asyncio.CancelledError, facts: TryFacts) -> Outcome:
    match facts.stop:
        case Stop.LOST:
            return Outcome(OutcomeKind.LOST)
        case Stop.ABORT:
            return _failed_with(raised, FailureCode.ABORTED, "the job was aborted")
        case Stop.TIMEOUT:
            late = TimeoutError(f"the job ran longer than its timeout of {facts.timeout:g} s")
            return _raised(late.with_traceback(raised.__traceback__), FailureCode.TIMEOUT, str(late), facts)
        case Stop.SHUTDOWN if facts.retry_jobs:
            return Outcome(OutcomeKind.RELEASE)
        case None if facts.retry_jobs:
            return _cancelled_itself(raised, facts)
    return _failed_with(raised, FailureCode.ABORTED, "the job was cancelled")


def _cancelled_itself(raised: asyncio.CancelledError, facts: TryFacts) -> Outcome:
    """Return the outcome of a cancellation by the function itself, or by a task that it awaits.

    The job is retried as in arq, but after a pause, and the last try fails with the cause instead of arq's
    text.
    """
    if facts.tries < facts.max_tries:
        return Outcome(OutcomeKind.RETRY, exception=raised, defer=_PAUSE.pause(facts.tries))
    message = message_of(raised) or "the function raised CancelledError, but nobody had asked to stop the job"
    return _failed_with(raised, FailureCode.ERROR, message)


def _retry(
    facts: TryFacts, *, defer: float | None = None, note: str = "", cause: BaseException | None = None
) -> Outcome:
    if facts.tries >= facts.max_tries:
        exceeded = max_tries_exceeded(facts.max_tries)
        return exceeded if cause is None else _naming(exceeded, cause)
    return Outcome(OutcomeKind.RETRY, defer=defer, note=note, cause=cause)


def _naming(outcome: Outcome, cause: BaseException) -> Outcome:
    """Return a failure that names the last error, too."""
    last = _failed_with(cause, FailureCode.ERROR, message_of(cause)).failure
    if last is None or outcome.failure is None:
        return outcome
    message = f"{outcome.failure.message}; the last error is {last.type}: {last.message}"
    failure = replace(outcome.failure, message=message, traceback=last.traceback)
    return replace(outcome, failure=_bounded(failure))


def max_tries_exceeded(max_tries: int, note: str = "") -> Outcome:
    """Return the outcome of a job that has used up its tries; the message is arq's."""
    return replace(failed(FailureCode.MAX_TRIES, f"max {max_tries} retries exceeded"), note=note)


def _is_a(raised: BaseException, ours: type[Retry | RetryJob]) -> bool:
    """Whether it is an exception of this class of ours, or of arq's class of the same name."""
    return isinstance(raised, ours) or any(
        str(kind.__module__).partition(".")[0] == "arq" and kind.__name__ == ours.__name__
        for kind in type(raised).__mro__
    )


def _defer_of(raised: BaseException) -> float | None:
    if isinstance(raised, Retry):
        return raised.defer
    defer_ms = getattr(raised, "defer_score", None)  # arq's: milliseconds from now
    return None if defer_ms is None else defer_ms / 1000


def _failed_with(raised: BaseException, code: FailureCode, message: str) -> Outcome:
    show_users_frames(raised)
    kind = raised.type_name if isinstance(raised, ProcessRaised) else type(raised).__name__
    failure = _bounded(Failure(type=kind, message=message, code=code, traceback=_traceback(raised)))
    return Outcome(OutcomeKind.FAILED, failure=failure, exception=raised)


def error_of_retry(outcome: Outcome) -> tuple[str, str] | None:
    """Return type and message of what made a try run again; None = the function asked for it."""
    raised = outcome.exception or outcome.cause
    if raised is None:
        return None
    kind = raised.type_name if isinstance(raised, ProcessRaised) else type(raised).__name__
    return kind, message_of(raised)


def message_of(raised: BaseException) -> str:
    """Return the text of an exception, cut to its limit, also where `str()` of it raises."""
    try:
        return str(raised)[:MESSAGE_LIMIT]
    except Exception:
        return f"<{type(raised).__name__} whose text cannot be read>"


def show_users_frames(raised: BaseException) -> None:
    """Remove the frames that lead from the worker to the user's own code from an exception's traceback."""
    users = trace = raised.__traceback__
    while trace and (name := str(trace.tb_frame.f_globals.get("__name__"))).startswith(_MACHINERY):
        trace = trace.tb_next
        if name.startswith("jobgate."):
            users = trace
    raised.__traceback__ = users


def _traceback(raised: BaseException) -> str | None:
    try:
        lines = traceback.format_exception(raised)
    except Exception:  # an exception with a broken __str__ or __cause__
        return None
    return "".join(lines)[-TRACEBACK_LIMIT:]
