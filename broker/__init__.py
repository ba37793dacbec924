"""jobgate.broker: the only code that knows Redis."""

from jobgate.broker.bodies.codecs import Codec, codec_named, custom_codec
from jobgate.broker.bodies.stored import is_pickled
from jobgate.broker.bodies.tokens import begun_ms, claim_token, claimed_ms
from jobgate.broker.broker import Broker
from jobgate.broker.errors import (
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    BrokerUnavailable,
    CodecError,
    DataSetChanged,
    DecodeError,
    EmbeddedServerError,
    EncodeError,
    IdempotencyConflict,
    InvalidName,
    InvalidRequest,
    NotAQueue,
    OutcomeUnknown,
)
from jobgate.broker.job_marks import JobMark, mark_of_result, size_of
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
from jobgate.broker.link.adopted import settings_of
from jobgate.broker.link.settings import RedisSettings, async_client
from jobgate.broker.log_text import (
    FIELD_LIMIT,
    LINE_LIMIT,
    ForeignTraceback,
    counted,
    escape_record,
    log_line,
    printable,
    repr_of,
    traceback_text,
    without_secrets,
)
from jobgate.broker.near_names import did_you_mean, near_names
from jobgate.broker.records import (
    LOST_BODY,
    AbortAnswer,
    AbortMark,
    Claim,
    ClaimedJob,
    Enqueued,
    Failure,
    FailureCode,
    IdempotencyKey,
    JobBody,
    JobRequest,
    JobResult,
    JobStatus,
    JobView,
    Lease,
    Progress,
    QueueDepth,
    Renewal,
    Transition,
    WorkerRecord,
)
from jobgate.broker.requirements import need
from jobgate.broker.transitions.enqueue import new_job_id
from jobgate.broker.transitions.renew import LeaseRenewer
from jobgate.broker.views.jobs import Readiness, ServerInfo
from jobgate.broker.views.live_functions import Availability, LiveFunctions
from jobgate.broker.views.pages import IdPage, QueuedJob, QueuePage, ResultPage
from jobgate.broker.views.shared_reads import SharedReads
from jobgate.broker.waiting.results import Watch

__all__ = [
    # The broker
    "Broker",
    "DEFAULT_NAMESPACE",
    "Keys",
    "LeaseRenewer",
    "Readiness",
    "RedisSettings",
    "ServerInfo",
    "Watch",
    "async_client",
    "new_job_id",
    "settings_of",
    # Live functions
    "Availability",
    "LiveFunctions",
    "SharedReads",
    "did_you_mean",
    "near_names",
    # Names and texts
    "ForeignTraceback",
    "counted",
    "printable",
    "repr_of",
    "traceback_text",
    "why_not_health_key",
    "FIELD_LIMIT",
    "LINE_LIMIT",
    "escape_record",
    "is_plain_name",
    "log_line",
    "need",
    "why_not_job_id",
    "why_not_namespace",
    "why_not_queue",
    "without_secrets",
    # Codecs
    "Codec",
    "codec_named",
    "custom_codec",
    # Records
    "LOST_BODY",
    "begun_ms",
    "claim_token",
    "claimed_ms",
    "is_pickled",
    "AbortAnswer",
    "AbortMark",
    "Claim",
    "ClaimedJob",
    "Enqueued",
    "Failure",
    "FailureCode",
    "IdempotencyKey",
    "JobBody",
    "JobMark",
    "JobOptions",
    "JobRequest",
    "JobResult",
    "JobStatus",
    "JobView",
    "Lease",
    "Progress",
    "QueueDepth",
    "IdPage",
    "QueuePage",
    "QueuedJob",
    "Renewal",
    "ResultPage",
    "Transition",
    "WorkerRecord",
    "mark_of_result",
    "size_of",
    # Options of jobs
    "OPTION_FORMS",
    "OptionForm",
    "OptionKind",
    # Errors
    "BrokerError",
    "BrokerFull",
    "BrokerMisconfigured",
    "BrokerUnavailable",
    "CodecError",
    "DataSetChanged",
    "DecodeError",
    "EmbeddedServerError",
    "EncodeError",
    "IdempotencyConflict",
    "InvalidName",
    "InvalidRequest",
    "NotAQueue",
    "OutcomeUnknown",
]
