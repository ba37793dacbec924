"""An operation that this gateway has claimed: its lease, and how it ended."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from jobgate.broker import (
    DEFAULT_LEASE,
    Broker,
    BrokerError,
    ClaimedJob,
    Failure,
    FailureCode,
    JobBody,
    JobResult,
)

#: Seconds between two renewals; each also shows whether the operation is to be aborted.
_RENEW_EVERY: Final = 1.0


class HeldOperation:
    """One claimed operation.

    Args:
        claimed: As claimed.
        body: Its job.
        claimed_ms: Time of the claim by the Redis clock.
        since: Time of the claim by the monotonic clock.
    """

    def __init__(self, claimed: ClaimedJob, body: JobBody, *, claimed_ms: int, since: float) -> None:
        self.claimed = claimed
        self.lease = claimed.lease
        self.body = body
        #: Whether it was asked to stop.
        self.is_aborted = False
        #: Whether another gateway may run it by now.
        self.is_lost = False
        self._claimed_ms = claimed_ms
        self._since = since

    @contextlib.asynccontextmanager
    async def kept(self, broker: Broker, on_stop: Callable[[], None]) -> AsyncIterator[None]:
        """Keep the lease while the block runs.

        Args:
            broker: The broker.
            on_stop: Called if the operation is to be aborted, or the lease is lost.
        """
        keeping = asyncio.create_task(self._keep(broker, on_stop))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _keep(self, broker: Broker, on_stop: Callable[[], None]) -> None:
        leased_until = self.claimed.leased_until
        while not self.is_lost:
            await asyncio.sleep(_RENEW_EVERY)
            begun = time.monotonic()
            try:
                renewal = await broker.renew([self.lease], lease=DEFAULT_LEASE)
            except BrokerError:
                self.is_lost = time.monotonic() > leased_until
            else:
                leased_until = begun + DEFAULT_LEASE
                self.is_lost = self.lease.job_id in renewal.lost
                mark = renewal.aborts.get(self.lease.job_id)
                self.is_aborted |= mark is not None and self.body.is_meant_by(mark)
            if self.is_lost or self.is_aborted:
                on_stop()

    def succeeded(self, result: Any) -> JobResult:
        """Return the result of an operation that was carried out."""
        return self._ended(success=True, result=result)

    def failed(self, code: FailureCode, message: str, *, kind: str = "OperationFailed") -> JobResult:
        """Return the result of one that was not, or not wholly."""
        return self._ended(success=False, failure=Failure(type=kind, message=message, code=code))

    def _ended(self, *, success: bool, result: Any = None, failure: Failure | None = None) -> JobResult:
        lease, body = self.lease, self.body
        return JobResult(
            job_id=lease.job_id,
            function=body.function,
            args=body.args,
            kwargs=body.kwargs,
            tries=lease.tries,
            success=success,
            result=result,
            failure=failure,
            enqueue_time_ms=body.enqueue_time_ms,
            start_time_ms=self._claimed_ms,
            finish_time_ms=self._claimed_ms + int((time.monotonic() - self._since) * 1000),
            queue=lease.queue,
            worker=lease.token.rpartition(":")[0],
            options=body.options,
        )
