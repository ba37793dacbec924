"""What operators ask a client for: jobs, queues, workers and functions, and operations on many jobs."""

from jobgate.client.operate.filters import AbortFilters, FailureFilters, JobFilter, JobFilters, RetryFilters
from jobgate.client.operate.operations import BulkRequest, OperatedTransport
from jobgate.client.operate.operator import Operator
from jobgate.client.operate.records import (
    Activity,
    BulkCount,
    BulkError,
    BulkResult,
    FailureCount,
    FailureGroup,
    FunctionInfo,
    FunctionParameter,
    LastHour,
    QueueInfo,
    RunningJob,
    WorkerInfo,
)
from jobgate.client.operate.schedules import ScheduledRun, ScheduleInfo

__all__ = [
    "AbortFilters",
    "Activity",
    "BulkCount",
    "BulkError",
    "BulkRequest",
    "BulkResult",
    "FailureCount",
    "FailureFilters",
    "FailureGroup",
    "FunctionInfo",
    "FunctionParameter",
    "JobFilter",
    "JobFilters",
    "LastHour",
    "OperatedTransport",
    "Operator",
    "QueueInfo",
    "RetryFilters",
    "RunningJob",
    "ScheduleInfo",
    "ScheduledRun",
    "WorkerInfo",
]
