"""jobgate.broker: the only code that knows Redis."""

import jobgate.broker.requirements  # noqa: F401 - it says what is missing
from jobgate.broker.bodies.codecs import Codec, codec_named, custom_codec
from jobgate.broker.broker import Broker
from jobgate.broker.errors import (
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    BrokerUnavailable,
    CodecError,
    DecodeError,
    EmbeddedServerError,
    EncodeError,
    IdempotencyConflict,
    InvalidName,
    InvalidRequest,
    NotAQueue,
    OutcomeUnknown,
)
from jobgate.broker.keys import DEFAULT_NAMESPACE, Keys, why_not_namespace
from jobgate.broker.link.adopted import settings_of
from jobgate.broker.link.settings import RedisSettings, async_client
from jobgate.broker.log_text import escape_record
from jobgate.broker.near_names import did_you_mean, near_names
from jobgate.broker.records import (
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
    "escape_record",
    "new_job_id",
    "settings_of",
    "why_not_namespace",
    # Live functions
    "Availability",
    "LiveFunctions",
    "SharedReads",
    "did_you_mean",
    "near_names",
    # Codecs
    "Codec",
    "codec_named",
    "custom_codec",
    # Records
    "AbortAnswer",
    "AbortMark",
    "Claim",
    "ClaimedJob",
    "Enqueued",
    "Failure",
    "FailureCode",
    "IdempotencyKey",
    "JobBody",
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
    # Errors
    "BrokerError",
    "BrokerFull",
    "BrokerMisconfigured",
    "BrokerUnavailable",
    "CodecError",
    "DecodeError",
    "EmbeddedServerError",
    "EncodeError",
    "IdempotencyConflict",
    "InvalidName",
    "InvalidRequest",
    "NotAQueue",
    "OutcomeUnknown",
]
