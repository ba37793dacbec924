"""Runs operations on many jobs: claims them as a worker does its jobs, one at a time for each gateway."""

import asyncio
import contextlib
import itertools
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from jobgate.broker import (
    LOST_BODY,
    Backoff,
    Broker,
    BrokerError,
    DecodeError,
    EncodeError,
    FailureCode,
    JobResult,
    NotAQueue,
    claim_token,
    with_jitter,
)
from jobgate.gateway.operations.bulk_order import BulkKind, BulkOrder
from jobgate.gateway.operations.held_operation import HeldOperation
from jobgate.gateway.operations.operation import Operation, Stopped
from jobgate.gateway.operations.tally import Tally

logger = logging.getLogger("jobgate.gateway")

#: Seconds of a wait for an operation to claim; an enqueue ends it at once.
_LONGEST_WAIT: Final = 5.0
#: Shortest such wait: due operations that a claim left out run elsewhere.
_SHORTEST_WAIT: Final = 0.05
#: Seconds for giving an operation back at the shutdown.
_RELEASE_WITHIN: Final = 1.0
#: How often an operation may start: each gateway that dies uses up a start.
_MOST_TRIES: Final = 100
#: Seconds that the result of an operation is kept.
KEEP_OPERATION: Final = 86_400.0
#: Pauses after failures.
_BACKOFF: Final = Backoff(first=0.2, longest=5.0)


class OperationRunner:
    """The loop that runs operations in one gateway.

    Args:
        broker: The broker.
        prepare: Makes an operation from the id of its job and its order.
        default_queue: The queue of orders that name none.
        is_draining: Whether the gateway shuts down: then nothing more is claimed.
    """

    def __init__(
        self,
        broker: Broker,
        prepare: Callable[[str, BulkOrder], Operation],
        *,
        default_queue: str,
        is_draining: Callable[[], bool],
    ) -> None:
        self._broker = broker
        self._prepare = prepare
        self._default_queue = default_queue
        self._is_draining = is_draining
        host = socket.gethostname()[:60].replace(":", "_")
        self._name = f"{host}.{os.getpid()}.{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        #: Token of a claim whose answer was lost.
        self._token: str | None = None

    async def run(self) -> None:
        """Run operations until cancelled; the one that runs then is given back."""
        failures = 0
        while True:
            try:
                await self._claim_and_run()
                failures = 0
                continue
            except BrokerError:
                pass  # the state of Redis is logged elsewhere
            except Exception:  # nothing may end this loop
                logger.exception("an operation on many jobs could not be run")
            failures += 1
            await asyncio.sleep(with_jitter(_BACKOFF.pause(failures)))

    async def _claim_and_run(self) -> None:
        if self._is_draining():
            await asyncio.sleep(_LONGEST_WAIT)
            return
        held, next_due_in = await self._claim()
        if held is not None:
            await self._run(held)
            return
        due = _LONGEST_WAIT if next_due_in is None else max(next_due_in, _SHORTEST_WAIT)
        await self._broker.wait_for_work(self._broker.keys.operations, min(due, _LONGEST_WAIT))

    async def _claim(self) -> tuple[HeldOperation | None, float | None]:
        """Claim an operation; returns it, and the seconds until the next one is due."""
        now_ms, since = time.time_ns() // 1_000_000, time.monotonic()
        # After a lost answer, the same token brings the same operation.
        self._token = self._token or claim_token(self._name, next(self._numbers), now_ms)
        queue = self._broker.keys.operations
        claim = await self._broker.claim(queue, 1, worker_id=self._name, token=self._token)
        self._token = None
        if not claim.jobs:
            return None, claim.next_due_in
        claimed = claim.jobs[0]
        try:
            body = self._broker.decode_job(claimed.body or b"")
        except DecodeError:
            body = LOST_BODY
        return HeldOperation(claimed, body, claimed_ms=claim.now_ms, since=since), None

    async def _run(self, held: HeldOperation) -> None:
        try:
            order = self._order(held)
            if isinstance(order, JobResult):
                await self._finish(held, order)
                return
            operation = self._prepare(held.lease.job_id, order)
            async with held.kept(self._broker, operation.stop):
                if (result := await self._outcome(held, operation)) is not None:
                    await self._finish(held, result)
        except asyncio.CancelledError:
            with contextlib.suppress(BrokerError, TimeoutError):
                async with asyncio.timeout(_RELEASE_WITHIN):
                    await self._broker.release([held.claimed])
            raise

    def _order(self, held: HeldOperation) -> BulkOrder | JobResult:
        """Return what to do, or how it ended if it cannot be done."""
        if held.body is LOST_BODY:
            return held.failed(FailureCode.LOST_BODY, "The stored operation cannot be read.")
        if held.lease.tries > _MOST_TRIES:
            return held.failed(FailureCode.MAX_TRIES, f"It was started {_MOST_TRIES} times and never ended.")
        try:
            return BulkOrder.of_job(held.body, self._default_queue)
        except ValueError as error:
            return held.failed(FailureCode.INVALID_ARGUMENTS, str(error))

    async def _outcome(self, held: HeldOperation, operation: Operation) -> JobResult | None:
        """Carry an operation out and return how it ended; None = another gateway runs it."""
        kind, job_id = operation.order.kind, held.lease.job_id
        try:
            tally = await self._carry_out(held, operation)
        except Stopped:
            if not held.is_aborted:
                return None
            done = operation.tally.message(kind) if operation.tally else "nothing was done"
            return held.failed(FailureCode.ABORTED, f"aborted: {done}", kind="CancelledError")
        except NotAQueue as error:
            return held.failed(FailureCode.ERROR, str(error))
        except Exception as error:
            logger.exception("operation %s failed", job_id)
            return held.failed(
                FailureCode.ERROR, "The gateway's log has the reason.", kind=type(error).__name__
            )
        logger.info("operation %s (%s) ended: %s", job_id, kind.function, tally.message(kind))
        return held.succeeded(tally.result(kind, operation.order.limit))

    async def _carry_out(self, held: HeldOperation, operation: Operation) -> Tally:
        lease, kind = held.lease, operation.order.kind

        async def save(tally: Tally) -> bool:
            message = tally.message(kind)
            return await self._broker.report_progress(lease, tally.fraction, message, place=tally.stored)

        before = Tally.read(await self._broker.reported_place(lease))
        if before is not None:
            logger.info("operation %s is resumed: %s", lease.job_id, before.message(kind))
        # Indexes have times of Redis; the enqueue times of jobs are those of gateways, as that of this job.
        started_ms = held.claimed.score_ms if kind is BulkKind.RETRY else held.body.enqueue_time_ms
        return await operation.run(before, started_ms, save)

    async def _finish(self, held: HeldOperation, result: JobResult) -> None:
        """Store the result. If Redis stays away the lease ends, and another gateway comes to the same."""
        keep, failures = held.body.options.keep_result, 0
        while not held.is_lost:
            try:
                await self._broker.finish(held.lease, result, keep=KEEP_OPERATION if keep is None else keep)
            except BrokerError as error:
                if isinstance(error, EncodeError):
                    # Another program wrote arguments that cannot be written again.
                    result = replace(result, args=(), kwargs={})
                failures += 1
                await asyncio.sleep(with_jitter(_BACKOFF.pause(failures)))
            else:
                return
