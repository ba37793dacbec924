"""What an operation does to one job, and for which reasons it leaves a job as it is."""

from hashlib import sha256
from typing import Final

from jobgate.broker import AbortAnswer, Broker, RerunAnswer
from jobgate.gateway.functions import FunctionCheck
from jobgate.gateway.http import Problem
from jobgate.gateway.operations.bulk_order import BulkKind, BulkOrder
from jobgate.gateway.operations.targets import Target

#: Why a job is left as it is. `error` is an unexpected one, which the result lists.
UNKNOWN: Final = "unknown"
FORBIDDEN: Final = "forbidden"
NOT_FINISHED: Final = "not-finished"
ALREADY_FINISHED: Final = "already-finished"
ALREADY_RETRIED: Final = "already-retried"
ABORTED: Final = "aborted"
ARGUMENTS_GONE: Final = "arguments-gone"
UNKNOWN_FUNCTION: Final = "unknown-function"
ERROR: Final = "error"

_RERUN: Final = {
    RerunAnswer.CREATED: "",
    RerunAnswer.EXISTS: ALREADY_RETRIED,
    RerunAnswer.UNFINISHED: NOT_FINISHED,
    RerunAnswer.UNKNOWN: UNKNOWN,
    RerunAnswer.NO_ARGUMENTS: ARGUMENTS_GONE,
}
_ABORT: Final = {
    AbortAnswer.ABORTED: "",
    AbortAnswer.REQUESTED: "",
    AbortAnswer.FINISHED: ALREADY_FINISHED,
    AbortAnswer.UNKNOWN: UNKNOWN,
}


class Actions:
    """Acts on the jobs of one operation.

    Args:
        order: The operation.
        broker: The broker.
        functions: Knows what live workers offer.
        operation_id: Id of its own job; the ids of retried jobs are derived from it.
    """

    def __init__(self, order: BulkOrder, broker: Broker, functions: FunctionCheck, operation_id: str) -> None:
        self._order = order
        self._broker = broker
        self._functions = functions
        self._operation_id = operation_id

    async def why_not(self, target: Target) -> str:
        """Return why a job is left as it is; empty = it is not. Changes nothing."""
        view = target.view
        if view is None:
            return UNKNOWN
        if self._order.kind is BulkKind.ABORT:
            return ALREADY_FINISHED if view.has_ended else ""
        if not view.has_ended:
            return NOT_FINISHED
        caller, function = self._order.caller, view.function
        # Operations act with the rights of the time when they were asked for.
        if view.queue == self._broker.keys.operations or not (
            caller.operates or (function and caller.may_enqueue(function))
        ):
            return FORBIDDEN
        # By this very operation, if it is resumed.
        if view.retried_as not in (None, self._new_id(target.job_id)):
            return ALREADY_RETRIED
        is_left = view.was_aborted and self._order.leaves_aborted
        return ABORTED if is_left else await self._why_not_run(function, view.queue)

    async def act(self, target: Target) -> str:
        """Retry or abort a job; return why it was left as it is. Repeating it changes nothing."""
        if wrong := await self.why_not(target):
            return wrong
        if self._order.kind is BulkKind.ABORT:
            queue = target.view.queue if target.view else None
            return _ABORT[await self._broker.abort(target.job_id, queue=queue)]
        return _RERUN[(await self._broker.rerun(target.job_id, new_id=self._new_id(target.job_id))).code]

    def _new_id(self, job_id: str) -> str:
        """Return the id of the job as which one is retried: the same when the operation is resumed."""
        name = f"{self._operation_id}\n{job_id}"
        return sha256(name.encode(errors="surrogateescape")).hexdigest()[:32]

    async def _why_not_run(self, function: str | None, queue: str | None) -> str:
        try:
            await self._functions.require(function or "", queue or "", waits=False, may_know=lambda _: False)
        except Problem:
            return UNKNOWN_FUNCTION
        return ""
