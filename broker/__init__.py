"""jobgate.broker: the only code that knows Redis."""

import jobgate.broker.requirements  # noqa: F401 - first, so that a missing package is reported in one sentence
from jobgate.broker.backoff import Backoff, Seconds, in_seconds, with_jitter
from jobgate.broker.bodies import (
    LONGEST_TYPE,
    MOST_RUNNING,
    Codec,
    EarlierTry,
    Progress,
    RunningTry,
    WorkerRecord,
    WorkerVitals,
    begun_ms,
    claim_token,
    claimed_ms,
    codec_named,
    custom_codec,
    encode_try,
    is_pickled,
)
from jobgate.broker.broker import Broker
from jobgate.broker.catalogue import (
    BY_NAME,
    BY_PLACE,
    DEFINITIONS,
    MOST_MISFITS,
    NO_DEFAULT,
    ArgumentBinder,
    ArgumentPath,
    FunctionDocument,
    KnownPattern,
    Parameter,
    ParameterKind,
    Schema,
    definition_of,
    is_signature,
    joined,
    read_catalogue,
)
from jobgate.broker.errors import (
    PASSING_ERRORS,
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    BrokerUnavailable,
    DataSetChanged,
    DecodeError,
    EmbeddedServerError,
    EncodeError,
    IdempotencyConflict,
    InvalidCursor,
    InvalidJobRequest,
    InvalidName,
    LimitReached,
    NotAQueue,
    WriteInDoubt,
)
from jobgate.broker.feed import (
    Changes,
    Feed,
    FeedCursor,
    Happening,
    HappeningKind,
    Onlooker,
    Pulse,
    PulseReader,
)
from jobgate.broker.fleet import (
    TIME_BOUNDS,
    WINDOW,
    Availability,
    FunctionActivity,
    FunctionTimes,
    LiveFunction,
    LiveFunctions,
    LiveSchedule,
    LiveWorker,
    LostWorker,
    MinuteActivity,
    QueueDepth,
    SharedReads,
    quantile,
)
from jobgate.broker.job_options import OPTION_FORMS, JobOptions, OptionForm, OptionKind
from jobgate.broker.keys import (
    DEFAULT_NAMESPACE,
    Keys,
    is_plain_name,
    why_not_health_key,
    why_not_job_id,
    why_not_namespace,
    why_not_queue,
)
from jobgate.broker.link import DEFAULT_URL, RedisSettings, async_client, settings_of
from jobgate.broker.listing import (
    COUNTING,
    CountedFailures,
    FailureGroup,
    FailureTally,
    Merge,
    TimeSteps,
    WantedFailures,
    count_failures,
    counted_failures,
)
from jobgate.broker.milliseconds import CLOCK_SHIFT, DEFAULT_KEEP, DEFAULT_LEASE, EPOCH, time_of, unix_ms
from jobgate.broker.part import DEFAULT_INDEX_LIMIT
from jobgate.broker.records import (
    LOST_BODY,
    UNKNOWN_FAILURE,
    Allowance,
    CallerLimits,
    Enqueued,
    Failure,
    FailureCode,
    IdempotencyKey,
    JobBody,
    JobRequest,
    JobResult,
)
from jobgate.broker.requirements import need
from jobgate.broker.schedules import (
    CronRun,
    Field,
    Schedule,
    Timetable,
    TimetableError,
    WeekdayField,
    due_of_run,
    in_words,
    run_id,
    run_memory,
    zone_name,
)
from jobgate.broker.texts import (
    FIELD_LIMIT,
    LINE_LIMIT,
    ForeignTraceback,
    PatientRecord,
    PlainLog,
    counted,
    did_you_mean,
    escape_record,
    log_line,
    near_names,
    printable,
    repr_of,
    traceback_text,
    without_secrets,
)
from jobgate.broker.transitions import (
    AbortAnswer,
    Claim,
    ClaimedJob,
    Lease,
    Renewal,
    Rerun,
    RerunAnswer,
    Transition,
    new_job_id,
)
from jobgate.broker.unstored import UnstoredBroker
from jobgate.broker.views import (
    JobEnd,
    JobMark,
    JobStatus,
    JobView,
    LastRun,
    QueuedJob,
    Readiness,
    ScheduleState,
    Storage,
    mark_of_result,
    size_of,
)
from jobgate.broker.waiting import FollowedJob, JobStates, Watch

__all__ = [
    # The broker
    "Broker", "FollowedJob", "UnstoredBroker", "JobStates", "Readiness", "Storage", "Watch",
    "new_job_id",
    # Redis
    "DEFAULT_URL", "RedisSettings", "async_client", "settings_of",
    # Times
    "CLOCK_SHIFT", "EPOCH", "time_of", "unix_ms",
    # Names
    "DEFAULT_NAMESPACE", "Keys", "did_you_mean", "is_plain_name", "near_names", "why_not_health_key",
    "why_not_job_id", "why_not_namespace", "why_not_queue",
    # Functions as workers publish them
    "BY_NAME", "BY_PLACE", "DEFINITIONS", "MOST_MISFITS", "NO_DEFAULT", "ArgumentBinder", "ArgumentPath",
    "FunctionDocument", "KnownPattern", "Parameter", "ParameterKind", "Schema", "definition_of",
    "is_signature", "joined", "read_catalogue",
    # Live functions and workers
    "MOST_RUNNING", "Availability", "LiveFunction", "LiveFunctions", "LiveWorker", "LostWorker", "RunningTry",
    "SharedReads", "WorkerRecord", "WorkerVitals",
    # Times of functions
    "TIME_BOUNDS", "WINDOW", "FunctionTimes", "quantile",
    # Cron jobs
    "CronRun", "Field", "LastRun", "LiveSchedule", "Schedule", "ScheduleState", "Timetable",
    "TimetableError", "WeekdayField", "due_of_run", "in_words", "run_id", "run_memory", "zone_name",
    # Codecs
    "Codec", "EarlierTry", "codec_named", "encode_try", "custom_codec", "is_pickled",
    # Records
    "LOST_BODY", "UNKNOWN_FAILURE", "AbortAnswer", "Claim", "ClaimedJob", "Enqueued", "Failure",
    "FailureCode", "IdempotencyKey", "JobBody", "JobOptions", "JobRequest", "JobResult", "JobStatus",
    "JobView", "Lease", "Progress", "QueueDepth", "QueuedJob", "Renewal", "Transition",
    # Ended jobs, limits, and what happens
    "Allowance", "CallerLimits", "FunctionActivity", "MinuteActivity",
    "Rerun", "RerunAnswer",
    # Lists over several queues
    "COUNTING", "LONGEST_TYPE", "CountedFailures", "FailureGroup", "FailureTally", "Merge", "TimeSteps",
    "WantedFailures", "count_failures", "counted_failures",
    # What identifies a claim, or one state of a job
    "JobMark", "begun_ms", "claim_token", "claimed_ms", "mark_of_result", "size_of",
    # Defaults and durations
    "DEFAULT_INDEX_LIMIT", "DEFAULT_KEEP", "DEFAULT_LEASE", "Backoff", "Seconds", "in_seconds", "with_jitter",
    # Options of jobs
    "OPTION_FORMS", "OptionForm", "OptionKind",
    # Text in logs
    "FIELD_LIMIT", "ForeignTraceback", "LINE_LIMIT", "PatientRecord", "PlainLog", "counted", "escape_record",
    "log_line", "printable", "repr_of", "traceback_text", "without_secrets",
    # What happens in queues
    "Changes", "Feed", "FeedCursor", "Happening", "HappeningKind", "JobEnd", "Onlooker", "Pulse",
    "PulseReader",
    # Extras
    "need",
    # Errors
    "PASSING_ERRORS", "BrokerError", "BrokerFull", "BrokerMisconfigured", "BrokerUnavailable",
    "DataSetChanged", "DecodeError", "EmbeddedServerError", "EncodeError", "IdempotencyConflict",
    "InvalidCursor", "InvalidName", "InvalidJobRequest", "NotAQueue", "WriteInDoubt", "LimitReached",
]  # fmt: skip
