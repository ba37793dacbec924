"""Text from outside in logs and messages: made harmless and short, and compared with known names."""

from jobgate.broker.texts.log_text import (
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
from jobgate.broker.texts.near_names import did_you_mean, learn, near_names
from jobgate.broker.texts.plain_log import PatientRecord, PlainLog

__all__ = [
    "FIELD_LIMIT",
    "ForeignTraceback",
    "LINE_LIMIT",
    "PatientRecord",
    "PlainLog",
    "counted",
    "did_you_mean",
    "escape_record",
    "learn",
    "log_line",
    "near_names",
    "printable",
    "repr_of",
    "traceback_text",
    "without_secrets",
]
