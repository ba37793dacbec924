"""The transition *enqueue*: requests become jobs."""

import asyncio
import itertools
import re
import secrets
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from jobgate.broker.bodies import encode_request
from jobgate.broker.errors import (
    BrokerError,
    IdempotencyConflict,
    InvalidJobRequest,
    InvalidName,
)
from jobgate.broker.job_options import MADE, JobOptions
from jobgate.broker.keys import why_not_job_id
from jobgate.broker.link import Coalescer
from jobgate.broker.milliseconds import BODY_TTL_MS, to_ms, unix_ms
from jobgate.broker.part import Core, Part
from jobgate.broker.records import Enqueued, JobBody, JobRequest, JobResult
from jobgate.broker.scripts import script
from jobgate.broker.transitions.caller_limits import allowance_of
from jobgate.broker.transitions.request_checks import check_request

#: TTL of an idempotency key.
IDEMPOTENCY_TTL_MS = 86_400_000

#: What enqueue.lua answers for one job: its due time, or a code and more.
_Answer = int | Sequence[Any]
#: The form of generated ids; those of earlier releases are longer.
_MADE_ID = re.compile("[0-9A-Za-z]{20}|[0-9a-f]{32}")

_CREATED, _EXISTS, _REPLAYED, _CONFLICT, _NO_TIME = 1, 2, 3, 4, 5
#: Most jobs, and most bytes of more than one job, that `enqueue_many` sends in one script call.
_MOST_AT_ONCE, _MOST_BYTES = 256, 4 * 1024 * 1024
#: Existing jobs that are read at the same time: their results may be large.
_LOOKS = 8


def new_job_id() -> str:
    """Return a job id that nobody can guess: 20 letters and digits at random, since Redis holds very many."""
    return b64encode(secrets.token_bytes(15), b"xZ").decode()


def _request_tokens() -> Iterator[str]:
    """Yield tokens that tell calls apart which ask for the same job, with the same id, in the same ms.

    They are short because they are stored with each job whose caller has chosen the id.
    """
    for number in itertools.count(secrets.randbits(24)):
        yield b64encode((number % 2**24).to_bytes(3)).decode()


@dataclass(slots=True)
class _Order:
    """One encoded request."""

    request: JobRequest
    job_id: str
    queue: str
    options: JobOptions
    enqueue_time_ms: int
    blob: bytes
    #: What enqueue.lua takes once for all jobs that have it in common.
    form: tuple[Any, ...]


_NOT_YET: Final = RuntimeError("It is not encoded yet.")


@dataclass(slots=True)
class _Asked:
    """One request, until it is sent together with others."""

    request: JobRequest
    answer_to: str | None
    #: What it becomes then, or why it cannot.
    order: _Order | Exception = _NOT_YET


class EnqueuePart(Part):
    """Puts jobs into queues (enqueue.lua)."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._tokens = _request_tokens()
        self._default_queue = core.keys.default_queue
        self._asked: Coalescer[_Asked, tuple[_Order, _Answer]] = Coalescer(
            self._send_asked,
            group=lambda asked: asked.request.options.queue or self._default_queue,
            weight=self._encoded_size,
        )

    async def enqueue(self, request: JobRequest, *, answer_to: str | None = None) -> Enqueued:
        """Put a job into a queue.

        Calls made in the same turn of the event loop are encoded and sent together, so do not change the
        arguments before it returns.

        Args:
            request: The job.
            answer_to: The address of a `Watch`, to which the outcome is sent at once.

        Raises:
            InvalidJobRequest: The request contradicts itself.
            EncodeError: The codec cannot encode the arguments.
            IdempotencyConflict: Another request used its idempotency key.
            LimitReached: The caller has reached a limit.
            WriteInDoubt: Repeat the request with the same job id.
        """
        order, answer = await self._asked.submit(_Asked(request, answer_to))
        enqueued = _enqueued(order, answer)
        return await self._after_a_look(order, enqueued) if _needs_look(order, enqueued) else enqueued

    async def may_repeat(self, request: JobRequest) -> bool:
        """Whether a request may repeat an earlier one, because its key or the job's id has been used."""
        key, job_id = request.idempotency, request.job_id
        names = [self.keys.idempotency(key.digest)] if key else []
        if job_id is not None and not request.id_is_made:
            names += [self.keys.job(job_id), self.keys.result(job_id), self.keys.ended(job_id)]
        return bool(names) and bool(await self._core.link.command("EXISTS", *names))

    async def enqueue_many(self, requests: Sequence[JobRequest]) -> list[Enqueued | BrokerError]:
        """Enqueue several jobs; returns the answers in order, with an error for each request that failed.

        Redis enqueues some hundred at a time, in the order of the requests. If the caller is cancelled,
        those that were sent last may have been enqueued.
        """
        answers: list[Enqueued | BrokerError] = []
        sending: asyncio.Task[list[Enqueued | BrokerError]] | None = None
        try:
            for start in range(0, len(requests), _MOST_AT_ONCE):
                # They are encoded while Redis has those before.
                orders = list(map(self._order_or_error, requests[start : start + _MOST_AT_ONCE]))
                if sending is not None:
                    answers += await sending
                sending = asyncio.create_task(self._sent(orders))
            return answers if sending is None else answers + await sending
        finally:
            if sending is not None:
                sending.cancel()

    def _order_or_error(self, request: JobRequest) -> "_Order | BrokerError":
        try:
            return self._order(request)
        except BrokerError as error:
            return error

    async def _sent(self, orders: "Sequence[_Order | BrokerError]") -> list[Enqueued | BrokerError]:
        """Send orders, and return the answers in their places."""
        found: dict[int, Enqueued | BrokerError] = {}
        parts: dict[str, list[tuple[int, _Order]]] = {}
        for place, order in enumerate(orders):
            if isinstance(order, BrokerError):
                found[place] = order
            else:
                parts.setdefault(order.queue, []).append((place, order))
        for of_queue in parts.values():
            for part in _parts(of_queue):
                answers = await self._answers([order for _, order in part])
                found.update(zip((place for place, _ in part), answers, strict=True))
        return [found[place] for place in range(len(orders))]

    async def _answers(self, orders: "Sequence[_Order]") -> Sequence[Enqueued | BrokerError]:
        """Send orders of one queue in one script call, and return the answers."""
        try:
            answers = await self._send_orders(orders, asyncio.get_running_loop().time())
        except BrokerError as error:
            return [error] * len(orders)
        found = list(map(_enqueued_or_error, orders, answers))
        looks = [
            place
            for place, one in enumerate(found)
            if isinstance(one, Enqueued) and _needs_look(orders[place], one)
        ]
        for start in range(0, len(looks), _LOOKS):
            some = looks[start : start + _LOOKS]
            seen = await asyncio.gather(*(self._seen(orders[place], found[place]) for place in some))
            for place, one in zip(some, seen, strict=True):
                found[place] = one
        return found

    async def _seen(self, order: "_Order", found: Enqueued | BrokerError) -> Enqueued | BrokerError:
        try:
            return await self._after_a_look(order, found) if isinstance(found, Enqueued) else found
        except BrokerError as error:
            return error

    def _encoded_size(self, asked: _Asked) -> int:
        """Encode the job that is asked for. In a row with others that takes half as long as one by one."""
        order = asked.order
        if order is _NOT_YET:
            try:
                order = asked.order = self._order(asked.request, asked.answer_to)
            except Exception as error:
                asked.order = error
                return 0
        return len(order.blob) if isinstance(order, _Order) else 0

    async def _send_asked(
        self, batch: Sequence[_Asked], since: float
    ) -> Sequence[tuple[_Order, _Answer] | Exception]:
        orders = [asked.order for asked in batch]
        made = [order for order in orders if isinstance(order, _Order)]
        answers = iter(await self._send_orders(made, since) if made else ())
        return [(order, next(answers)) if isinstance(order, _Order) else order for order in orders]

    def _order(self, request: JobRequest, answer_to: str | None = None) -> _Order:
        check_request(request)
        job_id = request.job_id or new_job_id()
        if wrong := why_not_job_id(job_id):
            raise InvalidName(wrong)
        named = request.options.queue
        is_default = not named or named == self._default_queue
        queue = self._default_queue if is_default else self.keys.queue(named)
        is_made = request.id_is_made or request.job_id is None
        token = MADE if is_made else next(self._tokens)
        limits, now = request.limits, unix_ms()
        is_counted = limits is not None and limits.counts_pending
        options = request.options.enqueued(
            "" if is_default else queue, token, is_counted=is_counted, answer_to=answer_to
        )
        blob = encode_request(request, options, now, self._core.codec)
        return _Order(request, job_id, queue, options, now, blob, self._form(request))

    def _form(self, request: JobRequest) -> tuple[Any, ...]:
        key, limits = request.idempotency, request.limits
        return (
            to_ms(request.defer_by) if request.defer_by else 0,
            "" if request.defer_until_ms is None else request.defer_until_ms,
            _body_ttl_ms(request) if request.expires else BODY_TTL_MS,
            "" if request.first_try is None else request.first_try,
            self.keys.idempotency(key.digest) if key else "",
            key.request_digest if key else "",
            "1" if request.replaces_result else "",
            request.function,
            limits.name if limits else "",
            limits.text if limits else "",
        )

    async def _send_orders(self, orders: Sequence[_Order], since: float) -> Sequence[_Answer]:
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
            keys.failure(""),
            keys.tries(""),
        ]
        forms: dict[tuple[Any, ...], int] = {}
        jobs: list[Any] = []
        for order in orders:
            jobs += order.job_id, order.blob, forms.setdefault(order.form, len(forms) + 1)
        args += len(forms), *itertools.chain.from_iterable(forms), *jobs
        places = [queue, keys.wake(queue), keys.abort, keys.listeners(queue)]
        answers: list[_Answer] = await self._core.link.run(script("enqueue"), places, args, since=since)
        return answers

    async def _after_a_look(self, order: _Order, enqueued: Enqueued) -> Enqueued:
        """Decide whether the job that already exists comes from this request, if the script could not."""
        keys, decoder = self.keys, self._core.decoder
        stored = [keys.result(order.job_id)]
        # Bodies may be large, so they are not read for ids that callers chose.
        if _MADE_ID.fullmatch(order.job_id):
            stored.append(keys.job(order.job_id))
        result, *job = await self._core.link.command("MGET", *stored)
        ended = await decoder.result_or_none(result, order.job_id)
        if ended is not None and _is_same_call(ended, order):
            return replace(
                enqueued, created=True, replayed=False
            )  # the answer was lost, and the job has ended since
        existing = ended or (await decoder.job_or_none(job[0]) if job else None)
        is_advised = existing is not None and _is_advised(existing, order.request)
        return replace(enqueued, replayed=True) if is_advised else enqueued

    async def _drain(self) -> None:
        await self._asked.drain()
        await super()._drain()


def _parts(orders: "Sequence[tuple[int, _Order]]") -> Iterator[list[tuple[int, _Order]]]:
    """Yield orders in parts that are not too large for one script call, unless a single one is."""
    part: list[tuple[int, _Order]] = []
    size = 0
    for each in orders:
        size += len(each[1].blob)
        if part and size > _MOST_BYTES:
            yield part
            part, size = [], len(each[1].blob)
        part.append(each)
    yield part


def _enqueued(order: _Order, answer: _Answer) -> Enqueued:
    """Return what an answer of the script says; raises what `enqueue` raises."""
    request = order.request
    if isinstance(answer, int):
        return Enqueued(
            job_id=order.job_id,
            queue=order.queue,
            created=True,
            enqueue_time_ms=order.enqueue_time_ms,
            due_time_ms=answer,
        )
    code, due_ms, id_, *rate = answer
    allowance = allowance_of(request.limits, code, rate)
    job_id = id_.decode(errors="surrogateescape")
    key = request.idempotency
    if code == _CONFLICT or (key and key.job_id not in (None, job_id)):
        raise IdempotencyConflict
    if code == _NO_TIME:
        raise InvalidJobRequest("The due time is too far in the future for Redis: give an earlier one.")
    return Enqueued(
        job_id=job_id,
        queue=order.queue,
        created=code == _CREATED,
        replayed=code == _REPLAYED,
        enqueue_time_ms=order.enqueue_time_ms,
        due_time_ms=due_ms,
        allowance=allowance,
    )


def _enqueued_or_error(order: _Order, answer: _Answer) -> Enqueued | BrokerError:
    try:
        return _enqueued(order, answer)
    except BrokerError as error:
        return error


def _needs_look(order: _Order, enqueued: Enqueued) -> bool:
    """Whether the job that the answer names may come from the same request, although another call made it."""
    return not enqueued.created and enqueued.job_id == order.job_id


def _is_same_call(result: JobResult, order: _Order) -> bool:
    if (result.function, result.enqueue_time_ms) != (order.request.function, order.enqueue_time_ms):
        return False
    # A stock arq worker does not copy the token, and that of a generated id is not random.
    return result.options.request_token in (None, MADE, order.options.request_token)


def _is_advised(existing: JobBody | JobResult, request: JobRequest) -> bool:
    """Return whether a request repeats another one, using the id that was generated for that one."""
    return (existing.options.request_token or "").startswith(MADE) and (
        (existing.function, existing.options.owner, list(existing.args), existing.kwargs)
        == (request.function, request.options.owner, list(request.args), dict(request.kwargs))
    )


def _body_ttl_ms(request: JobRequest) -> int:
    """Return how long the body outlives its due time; negative = counted from now."""
    lives = to_ms(request.expires or 0)
    return -lives if request.expires_from_now else lives
