"""Enqueues many jobs through a gateway: `POST /jobs` with one job in each line."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from jobgate.client.errors import (
    GatewayUnavailable,
    JobgateError,
    OutcomeUnknown,
    UnexpectedAnswer,
    UnknownFunction,
)
from jobgate.client.http.connection import (
    Exchange,
    ProblemAnswer,
    Request,
    Response,
    queue_in,
    queue_of,
    unexpected,
)
from jobgate.client.http.request_body import encode, needs_idempotency_key
from jobgate.client.requests import NewJob
from jobgate.client.time_budget import Retries, TimeBudget

#: Most bytes of one request, unless a single job is larger.
_MOST_BYTES: Final = 1024 * 1024
#: Seconds for one request: a gateway may wait 5 s for Redis, several times.
_TIMEOUT: Final = 30.0
_NDJSON: Final = "application/x-ndjson"
_HEADERS: Final = {"Content-Type": _NDJSON}

#: What the enqueue of a job returns: its queue if that is known, or the error.
Answer = str | JobgateError | None


@dataclass(slots=True)
class _Entry:
    """A job that has not been answered for good."""

    place: int
    job: NewJob
    line: bytes
    #: The last answer, of which a retry may help.
    problem: ProblemAnswer | None = None
    #: Whether an earlier request may have enqueued it.
    is_in_doubt: bool = False


class Batch:
    """The jobs of one `enqueue_many`, and the answers so far.

    Args:
        jobs: The jobs. Each has its id, so that all of them may be sent again when an answer is lost.
        exchange: Sends the requests.
        request_timeout: Seconds for which a request, or a job of one, is retried.
    """

    def __init__(self, jobs: Sequence[NewJob], exchange: Exchange, *, request_timeout: float) -> None:
        self._exchange = exchange
        self._request_timeout = request_timeout
        self._answers: list[Answer] = [None] * len(jobs)
        self._entries: list[_Entry] = []
        for place, job in enumerate(jobs):
            try:
                self._entries.append(_Entry(place, job, _line(job)))
            except JobgateError as error:
                self._answers[place] = error

    async def enqueue(self) -> Sequence[Answer]:
        """Send the jobs until each is answered, or the time for retries is over."""
        for entries in _parts(self._entries):
            try:
                await self._send(entries)
            except JobgateError as error:
                for entry in entries:
                    self._answers[entry.place] = _of_all(error, entry)
        return self._answers

    async def _send(self, entries: list[_Entry]) -> None:
        """Send jobs; raises the error that concerns all of those which are left in `entries`."""
        retries: Retries | None = None
        while True:
            request = self._request(entries)
            self._note(await self._exchange.send(request), entries)
            if not entries:
                return
            retries = retries or request.retries()
            pause = max((entry.problem.retry_after or 0.0 for entry in entries if entry.problem), default=0.0)
            if not await retries.pause(pause):
                break
            is_limited = any(entry.problem and entry.problem.status == 429 for entry in entries)
            self._exchange.note_retry("rate-limited" if is_limited else "unavailable")
        for entry in entries:
            self._answers[entry.place] = _final(entry)

    def _request(self, entries: Sequence[_Entry]) -> Request:
        return Request(
            method="POST",
            path="/jobs",
            body=b"".join([entry.line for entry in entries]),
            headers=_HEADERS,
            timeout=_TIMEOUT,
            budget=TimeBudget(None),
            retry_for=self._request_timeout,
        )

    def _note(self, response: Response, entries: list[_Entry]) -> None:
        """Take the answers of a response, and leave the jobs in `entries` that are to be sent again."""
        if response.status != 200:
            raise unexpected(response) if response.status < 400 else ProblemAnswer.of(response).error()
        lines = response.body.splitlines()
        is_ours = response.headers.get("Content-Type", "").startswith(_NDJSON)
        results = list(map(_result, lines))
        # A gateway that shuts down says which line is the next one, be it beyond the last.
        is_stopped = bool(results) and "next_line" in (results[-1].get("problem") or ())
        if not (lines or is_ours) or len(lines) > len(entries) + is_stopped:
            raise unexpected(response)
        left = entries[len(lines) :]
        if not is_stopped:
            for entry in left:  # the answer was cut: the gateway may have read them
                entry.is_in_doubt = True
        left += [entry for entry, each in zip(entries, results, strict=False) if self._is_left(entry, each)]
        entries[:] = left

    def _is_left(self, entry: _Entry, result: dict[str, Any]) -> bool:
        """Note the answer to a job; return whether it is to be sent again."""
        status, problem = result.get("status"), result.get("problem")
        if status == 202:
            self._answers[entry.place] = queue_of(result.get("job"), entry.job.job_id)
            return False
        if not isinstance(problem, dict) or not isinstance(status, int):
            raise UnexpectedAnswer
        answer = entry.problem = ProblemAnswer.in_batch(status, problem)
        if answer.code == "job-exists" and entry.job.owns_id:
            self._answers[entry.place] = queue_in(problem.get("job"))  # a lost answer had enqueued it
            return False
        if "next_line" in problem or answer.retryable:
            entry.is_in_doubt |= answer.may_have_happened
            return True
        self._answers[entry.place] = _error(entry, answer)
        return False


def _line(job: NewJob) -> bytes:
    """Return a job as a line; raises InvalidArguments."""
    head: dict[str, str] = {"function": job.function}
    if needs_idempotency_key(job):
        head["idempotency_key"] = job.request_token
    return b"%b,%b\n" % (orjson.dumps(head)[:-1], encode(job)[1:])


def _parts(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    part: list[_Entry] = []
    size = 0
    for entry in entries:
        if part and size + len(entry.line) > _MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(entry)
        size += len(entry.line)
    if part:
        yield part


def _result(line: bytes) -> dict[str, Any]:
    try:
        result = orjson.loads(line)
    except ValueError:
        raise UnexpectedAnswer from None
    if not isinstance(result, dict):
        raise UnexpectedAnswer
    return result


def _error(entry: _Entry, answer: ProblemAnswer) -> JobgateError:
    error = answer.error()
    if isinstance(error, UnknownFunction):
        return UnknownFunction.named(entry.job.function, error.near, error.queues)
    return error


def _of_all(error: JobgateError, entry: _Entry) -> JobgateError:
    """Return the error of a job of a request that failed as a whole."""
    is_plain = isinstance(error, GatewayUnavailable) and not isinstance(error, OutcomeUnknown)
    return OutcomeUnknown() if is_plain and entry.is_in_doubt else copy.copy(error)


def _final(entry: _Entry) -> JobgateError:
    """Return the error of a job that was not answered for good within the time for retries."""
    if entry.is_in_doubt or entry.problem is None:
        return OutcomeUnknown()
    return _error(entry, entry.problem)
