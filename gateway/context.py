"""What every request needs: the parts of a running gateway, and the request in hand."""

import asyncio
import itertools
import logging
import secrets
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp.web import BaseRequest

from jobgate.broker import Broker, BrokerError, BrokerUnavailable
from jobgate.gateway.auth.callers import Caller
from jobgate.gateway.auth.keys_file import KeysFile
from jobgate.gateway.auth.wait_limit import Waits
from jobgate.gateway.functions.function_check import FunctionCheck
from jobgate.gateway.functions.names import QueueNames
from jobgate.gateway.http.answers import Answer
from jobgate.gateway.http.preferences import asked_wait
from jobgate.gateway.http.quiet_log import StateLog
from jobgate.gateway.http.unsent import Unsent
from jobgate.gateway.job_looks import Looks
from jobgate.gateway.metrics import Meter
from jobgate.gateway.readiness import ReadinessProbe
from jobgate.gateway.settings import GatewaySettings

_health_logger = logging.getLogger("jobgate.gateway.health")


def _request_ids() -> Iterator[str]:
    start = secrets.token_hex(6)
    return (f"{start}-{number:x}" for number in itertools.count(1))


def _job_ids() -> Iterator[str]:
    """Ids of 128 random bits in hex. Asking the kernel for many at once spares a call per job."""
    while True:
        pool = secrets.token_hex(16 * 256)
        yield from (pool[start : start + 32] for start in range(0, len(pool), 32))


@dataclass(kw_only=True, slots=True)
class Gateway:
    """The parts of a running gateway."""

    settings: GatewaySettings
    broker: Broker
    functions: FunctionCheck
    queues: QueueNames
    waits: Waits
    looks: Looks
    unsent: Unsent
    meter: Meter
    #: None = no keys are in use.
    keys: KeysFile | None = None
    readiness: ReadinessProbe = field(default_factory=ReadinessProbe)
    readiness_log: StateLog = field(default_factory=lambda: StateLog(_health_logger))
    gauges_log: StateLog = field(default_factory=lambda: StateLog(_health_logger))
    #: True from SIGTERM on: `/readyz` says so, and connections end with their next answer.
    draining: bool = False
    request_ids: Iterator[str] = field(default_factory=_request_ids)
    job_ids: Iterator[str] = field(default_factory=_job_ids)


@dataclass(kw_only=True, slots=True)
class Call:
    """One request on its way through the gateway."""

    request: BaseRequest
    #: The variable part of the path, decoded; empty where there is none.
    name: str
    #: The part of the target after `?`, as sent.
    query: str
    caller: Caller
    #: Seconds that Redis has for all questions of the request; `waiting` does not count.
    redis_deadline: float
    #: The job that it is about, once that is known: for the access log.
    job_id: str | None = None
    #: Cuts the request off when that time is up; there while `in_time` runs.
    clock: asyncio.Timeout | None = None

    @property
    def is_overdue(self) -> bool:
        """Whether the request is, or was, cut off."""
        return self.clock is not None and self.clock.expired()

    async def in_time(self, answer: Awaitable[Answer]) -> Answer:
        """Await an answer within the request's time; raises `BrokerUnavailable` when Redis lets it pass.

        The time begins with the first answer that is awaited so; one within another shares its time.
        """
        if self.clock is not None:
            return await answer
        self.clock = asyncio.timeout(self.redis_deadline)
        try:
            async with self.clock:
                return await answer
        except TimeoutError:
            if self.is_overdue:
                raise BrokerUnavailable(
                    "Redis did not answer all questions of the request in time."
                ) from None
            raise

    @contextmanager
    def cut_off_as(self, error: type[BrokerError]) -> Iterator[None]:
        """Raise this error inside the request when it is cut off: for code that knows what to answer then."""
        try:
            yield
        except asyncio.CancelledError:
            if self.is_overdue:
                raise error from None
            raise

    @contextmanager
    def waiting(self, longest: float) -> Iterator[None]:
        """Wait for something else than Redis: that takes none of the request's time for `longest` seconds."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        self._lengthen(longest)
        try:
            yield
        finally:
            self._lengthen(min(loop.time() - start, longest) - longest)

    def _lengthen(self, seconds: float) -> None:
        end = self.clock.when() if self.clock is not None else None
        if self.clock is not None and end is not None and not self.is_overdue:
            self.clock.reschedule(end + seconds)

    def wait(self, longest: float) -> float | None:
        """The wait that the request asks for, in seconds; None = none. Raises `Problem` 422."""
        prefer = self.request.headers.get("Prefer")
        if prefer is None and not self.query:
            return None
        return asked_wait(self.query, prefer, longest=longest)
