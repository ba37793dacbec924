"""One line tells the fate of a job, in arq's idiom.

`→` it starts, `←` it succeeded, `↻` it will run again, `⊘` it was aborted, `!` it failed or was lost.
"""

import logging

from jobgate.broker.errors import BrokerError, OutcomeUnknown
from jobgate.broker.log_text import escape_record, printable, repr_of
from jobgate.broker.records import FailureCode
from jobgate.worker.jobs.outcome import Kind, Outcome, Stop, message_of
from jobgate.worker.jobs.running_jobs import RunningJob

logger = logging.getLogger("jobgate.worker")
# For lines whose formatter is the user's own: what an exception says must not forge others.
logger.addFilter(escape_record)

#: Characters of arguments and results that a line shows, as in arq.
SHOWN = 80
#: Seconds after its due time from which a start is told to be delayed, as in arq.
WORTH_TELLING = 1.2


class JobLog:
    """Writes the lines; formats nothing where the level is off."""

    def __init__(self, *, log_results: bool, log_arguments: bool) -> None:
        self._log_results = log_results
        self._log_arguments = log_arguments

    def started(self, job: RunningJob, waited: float) -> None:
        """Tell that a try begins."""
        if not logger.isEnabledFor(logging.INFO):
            return
        notes = f" try={job.tries}" if job.tries > 1 else ""
        if waited > WORTH_TELLING:
            notes += f" delayed={waited:.2f}s"
        shown = _arguments(job) if self._log_arguments else "…"
        text = "%6.2fs → %s(%s)%s"
        logger.info(text, max(waited, 0.0), reference(job), shown, notes, extra=_about(job))

    def ended(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        """Tell how a try ended, after `seconds`."""
        match outcome.kind:
            case Kind.SUCCESS:
                self._succeeded(job, outcome, seconds)
            case Kind.FAILED:
                _failed(job, outcome, seconds)
            case Kind.RETRY if not outcome.note:
                _retried(job, outcome, seconds)
            case Kind.RETRY | Kind.RELEASE:
                text = "%6.2fs ↻ %s %s, will be run again"
                what = outcome.note or "cancelled"
                logger.info(text, seconds, reference(job), what, extra=_about(job, outcome, seconds))
            case Kind.LOST:
                text = "%6.2fs ! %s lost its lease, runs elsewhere"
                logger.warning(text, seconds, reference(job), extra=_about(job, outcome, seconds))

    def stale(self, job: RunningJob) -> None:
        """Tell that an outcome came too late and was dropped."""
        text = "       ! %s came too late: its lease had run out, outcome dropped"
        logger.warning(text, reference(job), extra=_about(job))

    def unconfirmed(self, job: RunningJob) -> None:
        """Tell that nobody knows whether an outcome was stored."""
        text = "       ! %s could not be confirmed: an answer was lost, the outcome may have been stored"
        logger.warning(text, reference(job), extra=_about(job))

    def not_handed_over(self, job: RunningJob, outcome: Outcome) -> None:
        """Warn that a caller waits for a result that is not kept and cannot be handed over either."""
        why = shorten(outcome.failure.message, 200) if outcome.failure else ""
        logger.warning(
            "job %s: its result cannot be sent to the waiting caller: %s",
            reference(job),
            why,
            extra=_about(job),
        )

    def unreadable_for_arq(self, job: RunningJob, serializer: str) -> None:
        """Warn that a stock arq client has enqueued a job with pickle, and results are written otherwise."""
        logger.warning(
            "job %s comes from a stock arq client that reads pickles only, and this worker writes %s: "
            'set serializer = "pickle" in its settings, or its results are errors there (logged once)',
            reference(job), serializer, extra=_about(job),
        )  # fmt: skip

    def _succeeded(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        if logger.isEnabledFor(logging.INFO):
            shown = shorten(repr_of(outcome.value)) if self._log_results and outcome.value is not None else ""
            extra = _about(job, outcome, seconds)
            logger.info("%6.2fs ← %s ● %s", seconds, reference(job), shown, extra=extra)


def _retried(job: RunningJob, outcome: Outcome, seconds: float) -> None:
    when = f"in {outcome.defer or 0:0.2f}s"
    raised = outcome.exception
    why = f" after {printable(type(raised).__name__)}: {printable(message_of(raised))}" if raised else ""
    extra = _about(job, outcome, seconds)
    logger.info("%6.2fs ↻ %s retrying job %s%s", seconds, reference(job), when, why, extra=extra)


def _failed(job: RunningJob, outcome: Outcome, seconds: float) -> None:
    failure = outcome.failure
    if failure is None:
        return
    if failure.code is FailureCode.ABORTED:
        before = "" if job.stop_reason is Stop.ABORT and job.ctx else " before start"
        extra = _about(job, outcome, seconds)
        logger.info("%6.2fs ⊘ %s aborted%s", seconds, reference(job), before, extra=extra)
        return
    if failure.code in _NOT_RUN:
        _not_run(job, outcome, seconds)
        return
    message = printable(failure.message)
    logger.error(
        "%6.2fs ! %s failed, %s: %s",
        seconds,
        reference(job),
        printable(failure.type),
        message,
        exc_info=outcome.exception,
        extra={**_about(job, outcome, seconds), "extra": _extra(outcome.exception)},
    )


#: Failures of jobs whose function was not begun: warnings, in arq's words.
_NOT_RUN = frozenset({FailureCode.EXPIRED, FailureCode.UNKNOWN_FUNCTION, FailureCode.MAX_TRIES})


def _not_run(job: RunningJob, outcome: Outcome, seconds: float) -> None:
    extra, function = _about(job, outcome, seconds), job.body.function if job.body else "<unknown>"
    if outcome.label == FailureCode.EXPIRED:
        logger.warning("job %s expired", printable(job.job_id), extra=extra)
    elif outcome.label == FailureCode.UNKNOWN_FUNCTION:
        text = "job %s, function %r not found"
        logger.warning(text, printable(job.job_id), printable(function), extra=extra)
    else:
        text = "%6.2fs ! %s max retries %d exceeded%s"
        note = f" ({outcome.note})" if outcome.note else ""
        logger.warning(text, seconds, reference(job), job.limits.max_tries, note, extra=extra)


def _about(job: RunningJob, outcome: Outcome | None = None, seconds: float = 0.0) -> dict[str, object]:
    """Return what a line is about, for logs that machines read: members of the record."""
    about: dict[str, object] = {
        "job_id": job.job_id,
        "function": job.body.function if job.body else None,
        "job_try": job.tries,
        "queue": job.claimed.lease.queue,
    }
    if outcome is not None:
        about |= {"outcome": outcome.label, "seconds": round(seconds, 6)}
    return about


def _extra(raised: BaseException | None) -> object:
    """Return what an exception carries for the log, as in arq: its `extra`, a value or a function."""
    try:
        extra = getattr(raised, "extra", None)
        return extra() if callable(extra) else extra
    except Exception:
        return None


def reference(job: RunningJob) -> str:
    """Return `id:function`, of a cron job the name alone, as in arq; harmless whatever a producer wrote."""
    if job.function is not None and job.function.is_cron:
        return printable(job.function.name)
    return printable(f"{job.job_id}:{job.body.function if job.body else '<unknown>'}")


def reason_of(error: BrokerError) -> str:
    """Return why an operation that will be repeated has failed, in words for operators."""
    # The message of a lost answer asks the caller to repeat the call, but the worker does that by itself.
    is_lost = isinstance(error, OutcomeUnknown) and not error.reason
    return "Redis has not answered in time" if is_lost else str(error)


def shorten(text: str, limit: int = SHOWN) -> str:
    """Return text in one printable line of at most `limit` characters, as in arq."""
    return printable(text, limit)


def _arguments(job: RunningJob) -> str:
    if job.body is None:
        return ""
    shown = [repr_of(value) for value in job.body.args]
    shown += [f"{name}={repr_of(value)}" for name, value in job.body.kwargs.items()]
    return shorten(", ".join(shown))
