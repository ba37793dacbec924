"""How jobs, results and other records are stored."""

from jobgate.broker.bodies.codecs import Codec, codec_named, custom_codec
from jobgate.broker.bodies.earlier_tries import MOST_TRIES_KEPT, EarlierTry, earlier_tries, encode_try
from jobgate.broker.bodies.end_marks import AbortMark, abort_mark, note_of, note_of_abort
from jobgate.broker.bodies.failure_notes import (
    LONGEST_TYPE,
    FailureNote,
    encode_failure_note,
    failure_note,
)
from jobgate.broker.bodies.progress import Progress, encode_progress, place_of, progress_of
from jobgate.broker.bodies.reading_thread import DECODE_TIMEOUT, Decoder
from jobgate.broker.bodies.stored import (
    OWNER_WITHIN,
    encode_again,
    encode_request,
    encode_result,
    is_pickled,
)
from jobgate.broker.bodies.tokens import begun_ms, claim_token, claimed_ms, worker_of
from jobgate.broker.bodies.worker_records import (
    WorkerRecord,
    encode_worker_record,
    heartbeat_ms,
    worker_record,
)
from jobgate.broker.bodies.worker_vitals import (
    LARGEST_VITALS,
    MOST_RUNNING,
    RunningTry,
    WorkerVitals,
    encode_worker_vitals,
    worker_vitals,
)

__all__ = [
    # Codecs
    "Codec", "codec_named", "custom_codec",
    # Jobs and results
    "DECODE_TIMEOUT", "Decoder", "OWNER_WITHIN", "encode_again", "encode_request", "encode_result",
    "is_pickled",
    # Other values
    "AbortMark", "Progress", "abort_mark", "begun_ms", "claim_token", "claimed_ms", "encode_progress",
    "note_of", "note_of_abort", "place_of", "progress_of", "worker_of",
    # Tries
    "EarlierTry", "MOST_TRIES_KEPT", "earlier_tries", "encode_try",
    # Failures
    "FailureNote", "LONGEST_TYPE", "encode_failure_note", "failure_note",
    # Workers
    "LARGEST_VITALS", "MOST_RUNNING", "RunningTry", "WorkerRecord", "WorkerVitals", "encode_worker_record",
    "encode_worker_vitals", "heartbeat_ms", "worker_record", "worker_vitals",
]  # fmt: skip
