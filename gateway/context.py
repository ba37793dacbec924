"""What handlers get: the request in hand, `Call`, and through it the parts of the running gateway."""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, TypeVar

from aiohttp.web import BaseRequest

from jobgate.broker import Allowance, Broker, Feed, Pulse
from jobgate.gateway.arguments import ArgumentCheck
from jobgate.gateway.auth import ANYBODY, BadKeys, Caller, Keys, SharedWaits, Waits
from jobgate.gateway.counts import HostCounts
from jobgate.gateway.deadline import RedisDeadline
from jobgate.gateway.events import OpenStreams
from jobgate.gateway.finding import FailureCounter, Finder
from jobgate.gateway.functions import FunctionCheck, QueueNames
from jobgate.gateway.http import (
    IDEMPOTENCY_KEY,
    PREFER,
    Problem,
    Proxies,
    Unsent,
    asked_wait,
    body_at_hand,
    body_to_come,
)
from jobgate.gateway.metrics import Meter
from jobgate.gateway.openapi import Descriptions
from jobgate.gateway.operations import OperationParts
from jobgate.gateway.reads import FleetReads, Looks, RedisState
from jobgate.gateway.settings import GatewaySettings

#: Batches whose jobs are parsed, enqueued and answered at the same time: Redis has one, others are prepared.
_MOST_BATCHES: Final = 4

Result = TypeVar("Result")


def _job_ids() -> Iterator[str]:
    """Yield ids as `new_job_id` makes them. One call of the kernel serves many jobs."""
    while True:
        pool = b64encode(secrets.token_bytes(15 * 256), b"xZ").decode()
        yield from (pool[start : start + 20] for start in range(0, len(pool), 20))


@dataclass(kw_only=True, slots=True)
class Gateway:
    """The parts of a running gateway."""

    settings: GatewaySettings
    broker: Broker
    functions: FunctionCheck
    descriptions: Descriptions
    arguments: ArgumentCheck
    queues: QueueNames
    fleet: FleetReads
    counts: HostCounts
    waits: Waits
    streams: OpenStreams
    feed: Feed
    pulse: Pulse
    shared_waits: SharedWaits
    looks: Looks
    finder: Finder
    failures: FailureCounter
    operations: OperationParts
    unsent: Unsent
    meter: Meter
    redis: RedisState
    #: None = no keys are in use.
    keys: Keys | None = None
    #: Counts wrong keys.
    bad_keys: BadKeys = field(default_factory=BadKeys)
    #: Whose headers say who the client is.
    proxies: Proxies = field(default_factory=Proxies)
    #: True from SIGTERM on: `/readyz` says so, and connections end with their next answer.
    is_draining: bool = False
    job_ids: Iterator[str] = field(default_factory=_job_ids)
    #: Turns of batches: one that waits holds its body only, while a thousand jobs in hand take megabytes.
    batches: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MOST_BATCHES))


@dataclass(slots=True)
class Call:
    """One request on its way through the gateway; filled in as it becomes known."""

    gateway: Gateway
    request: BaseRequest
    deadline: RedisDeadline
    #: Name of the route; empty = none was found.
    route: str = ""
    #: The route's path, with the name of its parameter.
    path: str = ""
    #: The value of the parameter, decoded; empty = the route has none.
    name: str = ""
    #: The part of the target after `?`, as sent.
    query: str = ""
    caller: Caller = ANYBODY
    #: Id of the request, for the problems inside of its answer.
    request_id: str = ""
    #: What is left of the rate of the caller's key, once the answer of Redis says so.
    allowance: Allowance | None = None
    #: The job that it is about, once that is known.
    job_id: str | None = None

    @property
    def client(self) -> str:
        """The client's address; behind a trusted proxy the one that it names, on a Unix socket `unix`."""
        return self.gateway.proxies.client_of(self.request)

    async def waiting(self, seconds: float, waiting: Callable[[], Awaitable[Result | None]]) -> Result | None:
        """Return what `waiting` returns; None if the gateway shuts down first.

        Args:
            seconds: The longest that it takes; this is not taken from the request's time for Redis.
            waiting: Waits for a job.

        Raises:
            Problem: 429 if too many requests wait.
        """
        async with self.place(seconds):
            with self.deadline.paused(seconds):
                return await self.gateway.waits.run(waiting)

    def place(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """Hold one of the caller's slots for a wait of this many seconds; raises `Problem` 429."""
        return _Place(self, seconds)

    @property
    def max_body(self) -> int:
        """The largest body that the caller may send, in bytes."""
        own = self.caller.max_body
        return self.gateway.settings.max_body if own is None else own

    async def body(self, *, hint: str = "") -> bytes:
        """Return the whole body once it has arrived; that does not take from the request's time for Redis.

        Args:
            hint: What else than JSON is accepted, for those who send another type.

        Raises:
            Problem: 413, 415 or 417 as `body_at_hand` and `body_to_come`, 408 if it takes too long.
        """
        body = body_at_hand(self.request, limit=self.max_body, hint=hint)
        if body is not None:
            return body
        longest = self.gateway.settings.body_deadline
        with self.deadline.paused(longest):
            return await body_to_come(self.request, limit=self.max_body, deadline=longest)

    @property
    def idempotency_key(self) -> str | None:
        """The header `Idempotency-Key`; raises `Problem` 422 if there are several."""
        key = self.request.headers.get(IDEMPOTENCY_KEY)
        if key is not None and len(self.request.headers.getall(IDEMPOTENCY_KEY)) > 1:
            raise Problem("invalid-request", "Send one Idempotency-Key.")
        return key

    def wait(self) -> float | None:
        """Return the wait that the request asks for, in seconds; None = no wait. Raises `Problem` 422."""
        prefer = self.request.headers.get(PREFER)
        if prefer is None and not self.query:
            return None
        if prefer is not None:
            prefer = ",".join(self.request.headers.getall(PREFER))  # lines are one list
        return asked_wait(self.query, prefer, longest=self.gateway.settings.max_wait)


class _Place:
    """A slot for a wait, while the block runs: of this gateway, and for some callers of all gateways."""

    __slots__ = ("_call", "_seconds", "_shared")

    def __init__(self, call: Call, seconds: float) -> None:
        self._call = call
        self._seconds = seconds
        self._shared: AbstractAsyncContextManager[None] | None = None

    async def __aenter__(self) -> None:
        call = self._call
        call.gateway.waits.take(call.caller)
        if call.caller.waits is None:
            return
        try:
            self._shared = call.gateway.shared_waits.place(call.caller, self._seconds)
            await self._shared.__aenter__()
        except BaseException:
            call.gateway.waits.give_back(call.caller)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._shared is not None:
                await self._shared.__aexit__(kind, error, trace)
        finally:
            self._call.gateway.waits.give_back(self._call.caller)
