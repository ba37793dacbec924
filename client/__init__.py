"""Call functions that run in a worker, from any Python program: over HTTP, or directly through Redis."""

from jobgate.client.blocking import BlockingCaller, BlockingClient, BlockingJobHandle
from jobgate.client.callers import Caller, JobHandle
from jobgate.client.client import Client
from jobgate.client.errors import (
    ArgumentError,
    ArgumentsGone,
    ClientClosed,
    Forbidden,
    GatewayUnavailable,
    InvalidArguments,
    InvalidOption,
    InvalidRequest,
    JobAborted,
    JobExists,
    JobFailed,
    JobgateError,
    JobLost,
    JobNotFound,
    MissingExtra,
    NeedsGateway,
    NotFinished,
    NoWorker,
    OutcomeUnknown,
    RateLimited,
    ResultGone,
    ResultMismatch,
    ResultTimeout,
    Unauthorized,
    UnexpectedAnswer,
    UnknownFunction,
    UntrustedGateway,
    WouldDeadlock,
)
from jobgate.client.functions import Target
from jobgate.client.info import (
    ErrorInfo,
    JobEvent,
    JobEventKind,
    JobInfo,
    JobProgress,
    JobStatus,
    QueueEvent,
    QueueEventKind,
    TryInfo,
)
from jobgate.client.many import Call, CallOptions
from jobgate.client.metrics import ClientMetrics
from jobgate.client.operate import (
    AbortFilters,
    Activity,
    BulkCount,
    BulkError,
    BulkResult,
    FailureCount,
    FailureFilters,
    FailureGroup,
    FunctionInfo,
    FunctionParameter,
    JobFilters,
    LastHour,
    QueueInfo,
    RetryFilters,
    RunningJob,
    ScheduledRun,
    ScheduleInfo,
    WorkerInfo,
)
from jobgate.client.per_loop import Home, PerLoop
from jobgate.client.requests import NewJob, check_keywords, job_options, new_job
from jobgate.client.stub import DEFAULT, Stub, stub
from jobgate.client.time_budget import GRACE, TimeBudget
from jobgate.client.transport import JobEnd, Transport
from jobgate.client.values import JSON

__all__ = [
    # The client and its jobs
    "Call", "CallOptions", "Caller", "Client", "ErrorInfo", "JobEvent", "JobEventKind", "JobHandle",
    "JobInfo", "JobProgress", "JobStatus",
    "QueueEvent", "QueueEventKind", "TryInfo",
    # What operators ask for
    "AbortFilters", "Activity", "BulkCount", "BulkError", "BulkResult", "FailureCount",
    "FailureFilters", "FailureGroup", "FunctionInfo", "FunctionParameter",
    "JobFilters", "LastHour", "QueueInfo", "RetryFilters", "RunningJob", "ScheduleInfo", "ScheduledRun",
    "WorkerInfo",
    # … for programs without an event loop
    "BlockingCaller", "BlockingClient", "BlockingJobHandle",
    # Errors
    "ArgumentError", "ArgumentsGone", "ClientClosed", "Forbidden", "GatewayUnavailable", "InvalidArguments",
    "InvalidOption", "InvalidRequest", "JobAborted", "JobExists", "JobFailed", "JobNotFound", "JobgateError",
    "MissingExtra", "NeedsGateway", "NoWorker", "NotFinished", "OutcomeUnknown", "RateLimited", "ResultGone",
    "JobLost", "ResultMismatch", "ResultTimeout", "Unauthorized", "UnexpectedAnswer", "UnknownFunction",
    "UntrustedGateway", "WouldDeadlock",
    # Declarations, as `jobgate stubs` writes them
    "DEFAULT", "Stub", "stub",
    # What `jobgate.arq` builds on
    "GRACE", "Home", "PerLoop", "TimeBudget", "check_keywords",
    # What `jobgate.testing` builds on
    "JSON", "ClientMetrics", "JobEnd", "NewJob", "Target", "Transport", "job_options",
    "new_job",
]  # fmt: skip
