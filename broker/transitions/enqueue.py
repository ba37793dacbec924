"""The transition *enqueue*: requests become jobs."""

import asyncio
import itertools
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.broker.bodies import encode_job
from jobgate.broker.errors import (
    BrokerError,
    IdempotencyConflict,
    InvalidJobRequest,
    InvalidName,
    LimitReached,
)
from jobgate.broker.job_options import OPTION_FORMS, OptionKind
from jobgate.broker.keys import why_not_job_id
from jobgate.broker.link import Coalescer
from jobgate.broker.milliseconds import BODY_TTL_MS, to_ms
from jobgate.broker.part import Core, Part
from jobgate.broker.records import Allowance, CallerLimits, Enqueued, JobBody, JobRequest, JobResult
from jobgate.broker.scripts import script

#: TTL of an idempotency key.
IDEMPOTENCY_TTL_MS = 86_400_000

#: Prefix of the request token if the caller chose no id, and the form of generated ids.
_MADE = "made:"
_MADE_ID = re.compile("[0-9a-f]{32}")

_CREATED, _EXISTS, _REPLAYED, _CONFLICT, _NO_TIME, _TOO_FAST, _TOO_MANY = 1, 2, 3, 4, 5, 6, 7
#: Seconds after which a caller with too many pending jobs may try again.
_PENDING_PAUSE = 1.0


def new_job_id() -> str:
    """Return a job id that nobody can guess: 128 random bits in hex."""
    return secrets.token_hex(16)


def _request_tokens() -> Iterator[str]:
    """Yield tokens that no other enqueue call has, in any process; they need not be secret."""
    start = secrets.token_hex(8)
    for number in itertools.count():
        yield f"{start}{number:x}"


@dataclass(slots=True)
class _Order:
    """One encoded request."""

    job_id: str
    queue: str
    body: JobBody
    blob: bytes
    #: Arguments of enqueue.lua for this job.
    args: tuple[Any, ...]


class EnqueuePart(Part):
    """Puts jobs into queues (enqueue.lua)."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._tokens = _request_tokens()
        self._orders: Coalescer[_Order, list[Any]] = Coalescer(
            self._send_orders, group=lambda order: order.queue, weight=lambda order: len(order.blob)
        )

    async def enqueue(self, request: JobRequest) -> Enqueued:
        """Put a job into a queue.

        Calls made in the same turn of the event loop are sent as one script call.

        Raises:
            InvalidJobRequest: The request contradicts itself.
            EncodeError: The codec cannot encode the arguments.
            IdempotencyConflict: Another request used its idempotency key.
            LimitReached: The caller has reached a limit.
            WriteInDoubt: Repeat the request with the same job id.
        """
        order = self._order(request)
        code, due_ms, id_, *rate = await self._orders.submit(order)
        allowance = _allowance(request.limits, rate)
        if code in (_TOO_FAST, _TOO_MANY):
            kind, pause = ("rate", rate[0] / 1000) if code == _TOO_FAST else ("pending", _PENDING_PAUSE)
            raise LimitReached(kind, pause, allowance)
        job_id = id_.decode(errors="surrogateescape")
        key = request.idempotency
        if code == _CONFLICT or (key and key.job_id not in (None, job_id)):
            raise IdempotencyConflict
        if code == _NO_TIME:
            raise InvalidJobRequest("The due time is too far in the future for Redis: give an earlier one.")
        if code != _CREATED and job_id == order.job_id:
            code = await self._code_after_a_look(order, code)
        return Enqueued(
            job_id=job_id,
            queue=order.queue,
            created=code == _CREATED,
            replayed=code == _REPLAYED,
            enqueue_time_ms=order.body.enqueue_time_ms,
            due_time_ms=due_ms,
            allowance=allowance,
        )

    async def may_repeat(self, request: JobRequest) -> bool:
        """Whether a request may repeat an earlier one, because its key or the job's id has been used."""
        key, job_id = request.idempotency, request.job_id
        names = [self.keys.idempotency(key.digest)] if key else []
        if job_id is not None and not request.id_is_made:
            names += [self.keys.job(job_id), self.keys.result(job_id), self.keys.ended(job_id)]
        return bool(names) and bool(await self._core.link.command("EXISTS", *names))

    async def enqueue_many(self, requests: Sequence[JobRequest]) -> list[Enqueued | BrokerError]:
        """Enqueue several jobs; returns the answers in order, with an error for each request that failed."""
        answers = await asyncio.gather(*map(self.enqueue, requests), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, BrokerError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Enqueued | BrokerError)]

    def _order(self, request: JobRequest) -> _Order:
        job_id = request.job_id or new_job_id()
        if wrong := why_not_job_id(job_id):
            raise InvalidName(wrong)
        queue = self.keys.queue(request.options.queue)
        body = _body(request, queue, next(self._tokens))
        blob = encode_job(body, self._core.codec)
        key = request.idempotency
        args = (
            job_id,
            blob,
            to_ms(request.defer_by or 0),
            "" if request.defer_until_ms is None else request.defer_until_ms,
            _body_ttl_ms(request),
            "" if request.first_try is None else request.first_try,
            self.keys.idempotency(key.digest) if key else "",
            key.request_digest if key else "",
            "1" if request.replaces_result else "",
            request.function,
            request.limits.name if request.limits else "",
            limits_text(request.limits),
        )
        return _Order(job_id, queue, body, blob, args)

    async def _send_orders(self, orders: Sequence[_Order], since: float) -> Sequence[list[Any]]:
        keys, queue = self.keys, orders[0].queue
        args: list[Any] = [
            keys.job(""),
            keys.result(""),
            keys.retry(""),
            keys.ended(""),
            IDEMPOTENCY_TTL_MS,
            keys.outcome(""),
            keys.request(""),
            keys.retried(""),
            keys.rate(""),
            keys.pending(""),
            keys.activity(queue, ""),
            keys.job_channel(queue),
        ]
        for order in orders:
            args += order.args
        places = [queue, keys.wake(queue), keys.abort, keys.listeners(queue)]
        answers: list[list[Any]] = await self._core.link.run(script("enqueue"), places, args, since=since)
        return answers

    async def _code_after_a_look(self, order: _Order, code: int) -> int:
        """Decide whether the job that already exists comes from this request, if the script could not."""
        keys, decoder = self.keys, self._core.decoder
        stored = [keys.result(order.job_id)]
        # Bodies may be large, so they are not read for ids that callers chose.
        if _MADE_ID.fullmatch(order.job_id):
            stored.append(keys.job(order.job_id))
        result, *job = await self._core.link.command("MGET", *stored)
        ended = await decoder.result_or_none(result, order.job_id)
        if ended is not None and _is_same_call(ended, order.body):
            return _CREATED  # the answer was lost, and the job has ended since
        existing = ended or (await decoder.job_or_none(job[0]) if job else None)
        return _REPLAYED if existing is not None and _is_advised(existing, order.body) else code

    async def _drain(self) -> None:
        await self._orders.drain()
        await super()._drain()


def limits_text(limits: CallerLimits | None) -> str:
    """Return limits as limits.lua takes them apart; empty = none."""
    if limits is None:
        return ""
    given = (limits.rate, limits.rate and limits.most_at_once, limits.pending)
    return " ".join("-" if each is None else f"{each}" for each in given)


def _allowance(limits: CallerLimits | None, rate: Sequence[int]) -> Allowance | None:
    if limits is None or not rate:
        return None
    return Allowance(limit=limits.most_at_once, remaining=rate[1], reset=rate[2] / 1000)


def _is_same_call(result: JobResult, body: JobBody) -> bool:
    if result.options.request_token is not None:
        return result.options.request_token == body.options.request_token
    # A stock arq worker does not copy the token.
    return (result.function, result.enqueue_time_ms) == (body.function, body.enqueue_time_ms)


def _is_advised(existing: JobBody | JobResult, body: JobBody) -> bool:
    """Return whether a request repeats another one, using the id that was generated for that one."""
    return (existing.options.request_token or "").startswith(_MADE) and (
        (existing.function, existing.options.owner, list(existing.args), existing.kwargs)
        == (body.function, body.options.owner, list(body.args), body.kwargs)
    )


def _body(request: JobRequest, queue: str, request_token: str) -> JobBody:
    _check(request)
    if request.id_is_made:
        request_token = f"{_MADE}{request_token}"
    is_counted = request.limits is not None and request.limits.pending is not None
    return JobBody(
        function=request.function,
        args=tuple(request.args),
        kwargs=dict(request.kwargs),
        enqueue_time_ms=time.time_ns() // 1_000_000,
        first_try=request.first_try,
        options=request.options.enqueued(queue, request_token, is_counted=is_counted),
    )


def _body_ttl_ms(request: JobRequest) -> int:
    """Return how long the body outlives its due time; negative = counted from now."""
    if not request.expires:
        return BODY_TTL_MS
    return -to_ms(request.expires) if request.expires_from_now else to_ms(request.expires)


def _check(request: JobRequest) -> None:
    if not request.function:
        raise InvalidJobRequest("The function has no name: name one that a worker offers.")
    if request.defer_by is not None and request.defer_until_ms is not None:
        raise InvalidJobRequest("Both defer_by and defer_until are given: give one of them.")
    options = request.options
    for name, text in (("job_id", request.job_id), ("queue", options.queue)):
        if text and not text.isascii():
            _check_text(name, text)
    if request.defer_by is not None:
        _check_seconds("defer_by", request.defer_by)
    if request.expires is not None:
        _check_seconds("expires", request.expires)
    if request.first_try is not None:
        _check_count("first_try", request.first_try)
    for at, name, check in _OPTION_CHECKS:
        if options[at] is not None:
            check(name, options[at])


def _check_text(name: str, text: str) -> None:
    """Raise InvalidJobRequest for text that cannot be encoded: it would fail its whole batch."""
    try:
        text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise InvalidJobRequest(
            f"{name} contains a lone surrogate: give text that can be encoded as UTF-8."
        ) from None


def _check_seconds(name: str, seconds: float) -> None:
    if not 0 <= seconds <= _LONGEST:
        raise InvalidJobRequest(f"{name} is {seconds!r}: give seconds between 0 and {_LONGEST}.")


def _check_count(name: str, number: int) -> None:
    if not 1 <= number <= _MOST_TRIES:
        raise InvalidJobRequest(f"{name} is {number!r}: give a number from 1 to {_MOST_TRIES}.")


_CHECKS: dict[OptionKind, Callable[[str, Any], None]] = {
    OptionKind.SECONDS: _check_seconds,
    OptionKind.COUNT: _check_count,
}
#: The options that are numbers: place in the record, name and check.
_OPTION_CHECKS = tuple(
    (at, name, _CHECKS[form.kind])
    for at, (name, form) in enumerate(OPTION_FORMS.items())
    if form.kind in _CHECKS
)
#: The longest duration that is accepted, in seconds: a hundred years.
_LONGEST = 3_155_760_000
#: The largest number of tries that is accepted: a higher count counts as damaged (claim.lua).
_MOST_TRIES = 1_000_000_000
