"""Decides, before its function begins, whether a claimed job runs at all: decodes and checks it."""

import time
from contextlib import suppress
from dataclasses import replace

from jobgate.broker import DecodeError, FailureCode, JobBody, begun_ms, is_pickled, printable
from jobgate.worker.functions import ResolvedFunction, RunLimits
from jobgate.worker.hints import ArgumentsRefused
from jobgate.worker.jobs.hooks import is_ctrl_c
from jobgate.worker.jobs.outcome import Outcome, OutcomeKind, Stop, failed, max_tries_exceeded
from jobgate.worker.jobs.running_job import RunningJob
from jobgate.worker.jobs.shared import Shared
from jobgate.worker.log import logger

#: The function of a job that can run, and the job's body.
Admitted = tuple[ResolvedFunction, JobBody]


class Admission:
    """Fills in what a job's body says, and returns the outcome of jobs that cannot run."""

    def __init__(self, shared: Shared) -> None:
        settings = shared.settings
        self._functions = shared.functions
        self._settings = settings
        self._decode = shared.broker.decode_job
        #: Whether bodies that look like JSON are JSON.
        self._knows_json = settings.job_serializer is None
        self._observers = shared.observers
        self._allow_aborts = settings.allow_abort_jobs
        #: Whether to warn of the next job of a stock arq client that could not read its result.
        self._warns_of_pickles = settings.serializer != "pickle" and settings.job_serializer is None

    def admit(self, job: RunningJob) -> Admitted | Outcome:
        """Return the function and the body of a job that can run, else its outcome."""
        try:
            return self._admit(job)
        except Exception as error:  # a bug in here must not let the job run from lease to lease for ever
            logger.exception("job %s could not be read", printable(job.job_id))
            return failed(FailureCode.LOST_BODY, f"the stored job cannot be used: {type(error).__name__}")

    def _admit(self, job: RunningJob) -> Admitted | Outcome:
        if (gone := _not_ours(job)) is not None:
            return gone
        blob = job.claimed.body
        if job.claimed.is_damaged:
            return self._damaged(job, blob)
        if blob is None:
            return failed(FailureCode.EXPIRED, "job expired")
        try:
            job.body = body = self._decode(blob)
        except DecodeError as error:
            return failed(FailureCode.LOST_BODY, str(error), type_name="DeserializationError")
        if self._warns_of_pickles and body.options.queue is None and is_pickled(blob):
            self._warns_of_pickles = False
            self._observers.pickle_claimed(job)
        job.function = self._functions.get(body.function)
        job.limits = _limits_of(body, job.function.limits if job.function else job.limits)
        job.tries = max(job.tries, body.first_try or 0)
        job.start_ms = begun_ms(job.start_ms, body.enqueue_time_ms, job.claimed.score_ms)
        return self._admit_body(job, body, blob)

    def _damaged(self, job: RunningJob, blob: bytes | None) -> Outcome:
        """Return the outcome of a damaged job; the rest of its body says which function it was for."""
        with suppress(DecodeError):
            job.body = self._decode(blob) if blob else None
        text = "a Redis key of this job holds another type of value: another program wrote it"
        return failed(FailureCode.LOST_BODY, text, type_name="DeserializationError")

    def _admit_body(self, job: RunningJob, body: JobBody, blob: bytes) -> Admitted | Outcome:
        mark_ms = job.claimed.abort_mark_ms if self._allow_aborts else None
        if job.stop_reason is Stop.ABORT or (mark_ms is not None and body.is_meant_by(mark_ms)):
            return failed(
                FailureCode.ABORTED, "the job was aborted before it started", type_name="CancelledError"
            )
        if job.function is None:
            return failed(FailureCode.UNKNOWN_FUNCTION, f"function {printable(body.function)!r} not found")
        most = job.limits.max_tries
        if job.counted_tries > most:
            # With one try, its producer asked for a first try beyond the last one.
            is_lost = job.claimed.lease.tries > 1
            note = "its last try never finished; its worker probably died" if is_lost else ""
            return max_tries_exceeded(most, note)
        admitted = self._admit_arguments(job.function, body, blob)
        if time.monotonic() > job.lease_until:
            # The user's validators took that long. Given back, it would do the same again, and use up no try.
            self._observers.lease_lost(job)
            return Outcome(OutcomeKind.LOST)
        return admitted

    def _admit_arguments(self, function: ResolvedFunction, body: JobBody, blob: bytes) -> Admitted | Outcome:
        """Return the body with the arguments that the function takes, converted as its hints say."""
        try:
            is_plain = self._knows_json and blob.startswith(b"{")
            args, kwargs = function.arguments(body.args, body.kwargs, is_plain=is_plain)
        except BaseException as raised:  # validators of the user's own types may raise anything
            if is_ctrl_c(raised, self._settings):
                raise
            return self._admit_misfits(function, body, blob, raised)
        if args is body.args and kwargs is body.kwargs:
            return function, body
        return function, JobBody(
            function=body.function,
            args=args,
            kwargs=kwargs,
            enqueue_time_ms=body.enqueue_time_ms,
            first_try=body.first_try,
            options=body.options,
        )

    def _admit_misfits(
        self, function: ResolvedFunction, body: JobBody, blob: bytes, raised: BaseException
    ) -> Admitted | Outcome:
        """Return the outcome of a job whose arguments do not fit; those of arq's producers run as in arq."""
        refused = isinstance(raised, ArgumentsRefused)
        if isinstance(raised, ArgumentsRefused) and not raised.by_hints:
            return failed(FailureCode.INVALID_ARGUMENTS, str(raised), type_name="TypeError")
        reason = str(raised) if refused else f"their validation raised {type(raised).__name__}"
        if body.options.queue is None or is_pickled(blob):
            function.warn(
                "%s runs with arguments that do not fit its type hints, as in arq: %s", function.name, reason
            )
            return function, body
        if not refused:
            logger.error("the validation of arguments of %s raised", function.name, exc_info=raised)
        return failed(FailureCode.INVALID_ARGUMENTS, reason, type_name="ValidationError")


def _not_ours(job: RunningJob) -> Outcome | None:
    """Return the outcome of a job that must not run in this worker, whatever its body says."""
    if job.stop_reason is Stop.LOST:
        return Outcome(OutcomeKind.LOST)
    if job.stop_reason is Stop.SHUTDOWN:
        return Outcome(OutcomeKind.RELEASE)
    if time.monotonic() > job.lease_until:
        # Where another worker has the lease by now, a release changes nothing.
        return Outcome(OutcomeKind.RELEASE, note="could not be started before its lease ran out")
    return None


def _limits_of(body: JobBody, limits: RunLimits) -> RunLimits:
    """Return the limits with those that the job itself sets; most jobs set none."""
    asked = body.options
    if asked.timeout is None and asked.max_tries is None and asked.keep_result is None:
        return limits
    return replace(
        limits,
        timeout=asked.timeout or limits.timeout,
        max_tries=asked.max_tries or limits.max_tries,
        keep=limits.keep if asked.keep_result is None else max(asked.keep_result, 0),
    )
