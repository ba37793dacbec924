"""What operations of one gateway have in common, and the making of one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jobgate.broker import Broker
from jobgate.gateway.finding import Finder
from jobgate.gateway.functions import FunctionCheck
from jobgate.gateway.operations.actions import Actions
from jobgate.gateway.operations.bulk_order import BulkOrder
from jobgate.gateway.operations.operation import Operation
from jobgate.gateway.operations.targets import Targets


@dataclass(frozen=True, slots=True)
class OperationParts:
    """The parts of the gateway that operations use."""

    broker: Broker
    finder: Finder
    functions: FunctionCheck
    #: Returns the queues in which jobs are looked for by id.
    queues: Callable[[], Sequence[str]]
    #: How many jobs one operation acts on at the same time.
    at_once: int

    def targets(self, order: BulkOrder) -> Targets:
        """Return what finds the jobs of an order."""
        return Targets(order, self.broker, self.finder, self.queues)

    def actions(self, order: BulkOrder, operation_id: str) -> Actions:
        """Return what acts on the jobs of an order."""
        return Actions(order, self.broker, self.functions, operation_id)

    def operation(self, job_id: str, order: BulkOrder) -> Operation:
        """Return the operation of an order whose own job has this id."""
        targets, actions = self.targets(order), self.actions(order, job_id)
        return Operation(order, targets, actions, at_once=self.at_once)
