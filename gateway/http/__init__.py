"""What any HTTP service needs: connections, the door, bodies, strict JSON, answers, streams, problems."""

from jobgate.gateway.http.access_log import log_access
from jobgate.gateway.http.answers import Answer, SharedBody, tagged
from jobgate.gateway.http.connection import HttpServer
from jobgate.gateway.http.door import Door, check_origin, target_of
from jobgate.gateway.http.header_names import AUTHORIZATION, IDEMPOTENCY_KEY, PREFER
from jobgate.gateway.http.incoming import (
    MAX_NODES,
    NDJSON,
    STRING,
    BodyLines,
    Line,
    applied,
    asked_wait,
    body_at_hand,
    body_to_come,
    check_limit,
    is_ndjson,
    moment_ms,
    page_limit,
    read_json,
    read_query,
    why_not_moment,
)
from jobgate.gateway.http.problems import Problem, field_errors
from jobgate.gateway.http.proxies import Proxies, ProxyHeader
from jobgate.gateway.http.quiet_log import StateLog
from jobgate.gateway.http.streams import StreamedAnswer
from jobgate.gateway.http.unsent import Unsent

__all__ = [
    # Serving
    "Door", "HttpServer", "Proxies", "ProxyHeader", "StateLog", "check_origin",
    "log_access", "target_of",
    # Requests
    "AUTHORIZATION", "BodyLines", "IDEMPOTENCY_KEY", "Line", "MAX_NODES", "PREFER", "STRING", "asked_wait",
    "body_at_hand", "body_to_come", "check_limit", "is_ndjson", "moment_ms", "page_limit", "read_json",
    "read_query", "why_not_moment",
    # Answers
    "Answer", "NDJSON", "Problem", "SharedBody", "StreamedAnswer", "Unsent", "applied", "field_errors",
    "tagged",
]  # fmt: skip
