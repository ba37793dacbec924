"""Logs the fate of each job in one line, in arq's idiom.

`→` it starts, `←` it succeeded, `↻` it will run again, `⊘` it was aborted, `!` it failed or was lost.
"""

import logging

from jobgate.broker import LOST_BODY, BrokerError, FailureCode, counted, printable, repr_of
from jobgate.worker.jobs import Observer, Outcome, OutcomeKind, RunningJob, Stop, message_of
from jobgate.worker.log import logger, reason_of
from jobgate.worker.settings import Settings
from jobgate.worker.vitals.job_line import JobLine

#: Characters of arguments and results that a line shows, as in arq.
_SHOWN = 80
#: Seconds after its due time from which a start is shown as delayed, as in arq.
_WORTH_SHOWING = 1.2


class JobLog(Observer):
    """Writes the lines; formats nothing where the level is off."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._start = JobLine("%6.2fs → %s(%s)%s", JobLog.job_started.__code__)
        self._success = JobLine("%6.2fs ← %s ● %s", JobLog.outcome_written.__code__, may_wait=True)

    def job_started(self, job: RunningJob, waited: float) -> None:
        """Log that a try begins."""
        if not logger.isEnabledFor(logging.INFO):
            return
        notes = f" try={job.tries}" if job.tries > 1 else ""
        if waited > _WORTH_SHOWING:
            notes += f" delayed={waited:.2f}s"
        shown = _arguments(job) if self._settings.log_arguments else "…"
        self._start.write((max(waited, 0.0), job.reference, shown, notes), lambda: _about(job))

    def outcome_written(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        """Log how a try ended."""
        match outcome.kind:
            case OutcomeKind.SUCCESS:
                self._succeeded(job, outcome, seconds)
            case OutcomeKind.FAILED:
                _failed(job, outcome, seconds)
            case OutcomeKind.RETRY if not outcome.note:
                _retried(job, outcome, seconds)
            case OutcomeKind.RETRY | OutcomeKind.RELEASE:
                text = "%6.2fs ↻ %s %s, will be run again"
                what = outcome.note or "cancelled"
                logger.info(text, seconds, job.reference, what, extra=_about(job, outcome, seconds))
            case OutcomeKind.LOST:
                text = "%6.2fs ! %s lost its lease, runs elsewhere"
                logger.warning(text, seconds, job.reference, extra=_about(job, outcome, seconds))

    def outcome_stale(self, job: RunningJob) -> None:
        """Log that an outcome came too late."""
        text = "       ! %s came too late: its lease had run out, outcome dropped"
        logger.warning(text, job.reference, extra=_about(job))

    def outcome_unconfirmed(self, job: RunningJob) -> None:
        """Log that an outcome may have been stored or not."""
        text = "       ! %s could not be confirmed: an answer was lost, the outcome may have been stored"
        logger.warning(text, job.reference, extra=_about(job))

    def result_refused(self, job: RunningJob, outcome: Outcome) -> None:
        """Warn that a waiting caller does not get the result, which is not kept either."""
        why = printable(outcome.failure.message, 200) if outcome.failure else ""
        logger.warning(
            "job %s: its result cannot be sent to the waiting caller: %s",
            job.reference,
            why,
            extra=_about(job),
        )

    def outcome_delayed(self, job: RunningJob, error: BrokerError) -> None:
        """Warn that Redis does not take an outcome."""
        text = "job %s: outcome not written yet, still retrying: %s"
        logger.warning(text, job.reference, reason_of(error), extra=_about(job))

    def job_left(self, job: RunningJob, why: str) -> None:
        """Warn that a job did not end with its worker."""
        logger.warning("↻ %s %s", job.reference, why, extra=_about(job))

    def suspect_begun(self, job: RunningJob, is_apart: bool) -> None:
        """Warn that a job may be the cause of a worker's death."""
        logger.warning(
            "job %s was in flight when its worker died, %s in a row: it now runs %s",
            printable(job.job_id), counted(job.claimed.crashes, "time"),
            "apart from others" if is_apart else "beside others that have not finished in time",
            extra=_about(job),
        )  # fmt: skip

    def thread_abandoned(self, reference: str, count: int) -> None:
        """Warn that a function still runs after the end of its job."""
        text = "job %s was stopped, but its function still runs in a thread, which cannot be stopped (%s)"
        logger.warning(text, printable(reference), counted(count, "such thread"))

    def coroutine_abandoned(self, job: RunningJob) -> None:
        """Warn that a function ignores its cancellation."""
        logger.warning(
            "job %s was stopped, but its function ignores its cancellation and still runs: let "
            "asyncio.CancelledError pass",
            job.reference, extra=_about(job),
        )  # fmt: skip

    def pickle_claimed(self, job: RunningJob) -> None:
        """Warn that a stock arq client will not be able to read the result."""
        logger.warning(
            "job %s comes from a stock arq client that reads pickles only, and this worker writes %s: "
            'set serializer = "pickle" in its settings, or its results are errors there (logged once)',
            job.reference, self._settings.serializer, extra=_about(job),
        )  # fmt: skip

    def _succeeded(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        if logger.isEnabledFor(logging.INFO):
            is_shown = self._settings.log_results and outcome.value is not None
            shown = printable(repr_of(outcome.value), _SHOWN) if is_shown else ""
            self._success.write((seconds, job.reference, shown), lambda: _about(job, outcome, seconds))


def _retried(job: RunningJob, outcome: Outcome, seconds: float) -> None:
    when = f"in {outcome.defer or 0:0.2f}s"
    raised = outcome.exception
    why = f" after {printable(type(raised).__name__)}: {printable(message_of(raised))}" if raised else ""
    extra = _about(job, outcome, seconds)
    logger.info("%6.2fs ↻ %s retrying job %s%s", seconds, job.reference, when, why, extra=extra)


def _failed(job: RunningJob, outcome: Outcome, seconds: float) -> None:
    failure = outcome.failure
    if failure is None:
        return
    if failure.code is FailureCode.ABORTED:
        before = "" if job.stop_reason is Stop.ABORT and job.ctx else " before start"
        extra = _about(job, outcome, seconds)
        logger.info("%6.2fs ⊘ %s aborted%s", seconds, job.reference, before, extra=extra)
        return
    if failure.code in _NOT_RUN:
        _not_run(job, outcome, seconds)
        return
    message = printable(failure.message)
    logger.error(
        "%6.2fs ! %s failed, %s: %s",
        seconds,
        job.reference,
        printable(failure.type),
        message,
        exc_info=outcome.exception,
        extra={**_about(job, outcome, seconds), "extra": _extra(outcome.exception)},
    )


#: Failures of jobs whose function did not begin: warnings, in arq's words.
_NOT_RUN = frozenset({FailureCode.EXPIRED, FailureCode.UNKNOWN_FUNCTION, FailureCode.MAX_TRIES})


def _not_run(job: RunningJob, outcome: Outcome, seconds: float) -> None:
    extra, function = _about(job, outcome, seconds), (job.body or LOST_BODY).function
    if outcome.label == FailureCode.EXPIRED:
        logger.warning("job %s expired", printable(job.job_id), extra=extra)
    elif outcome.label == FailureCode.UNKNOWN_FUNCTION:
        text = "job %s, function %r not found"
        logger.warning(text, printable(job.job_id), printable(function), extra=extra)
    else:
        text = "%6.2fs ! %s max retries %d exceeded%s"
        note = f" ({outcome.note})" if outcome.note else ""
        logger.warning(text, seconds, job.reference, job.limits.max_tries, note, extra=extra)


def _about(job: RunningJob, outcome: Outcome | None = None, seconds: float = 0.0) -> dict[str, object]:
    """Return the facts of a line as fields of the log record, for logs that machines read."""
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
    """Return the `extra` of an exception, a value or a function, which arq logs as well."""
    try:
        extra = getattr(raised, "extra", None)
        return extra() if callable(extra) else extra
    except Exception:
        return None


def _arguments(job: RunningJob) -> str:
    if job.body is None:
        return ""
    shown = [repr_of(value) for value in job.body.args]
    shown += [f"{name}={repr_of(value)}" for name, value in job.body.kwargs.items()]
    return printable(", ".join(shown), _SHOWN)
