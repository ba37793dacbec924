"""Operations on many jobs: jobs of their own, which gateways run."""

from jobgate.gateway.operations.bulk_order import BulkKind, BulkOrder
from jobgate.gateway.operations.bulk_request import bulk_request
from jobgate.gateway.operations.dry_run import dry_run
from jobgate.gateway.operations.operation_parts import OperationParts
from jobgate.gateway.operations.runner import KEEP_OPERATION, OperationRunner

__all__ = [
    # Requests
    "BulkKind", "BulkOrder", "bulk_request", "dry_run",
    # Running them
    "KEEP_OPERATION", "OperationParts", "OperationRunner",
]  # fmt: skip
