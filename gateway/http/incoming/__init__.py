"""What a request says: its body, in one piece or in lines, its query, its times."""

from jobgate.gateway.http.incoming.body import body_at_hand, body_to_come
from jobgate.gateway.http.incoming.moments import moment_ms, why_not_moment
from jobgate.gateway.http.incoming.ndjson import NDJSON, BodyLines, Line, is_ndjson
from jobgate.gateway.http.incoming.query import applied, asked_wait, check_limit, page_limit, read_query
from jobgate.gateway.http.incoming.strict_json import MAX_NODES, STRING, read_json

__all__ = [
    "BodyLines",
    "Line",
    "MAX_NODES",
    "NDJSON",
    "STRING",
    "applied",
    "asked_wait",
    "body_at_hand",
    "body_to_come",
    "check_limit",
    "is_ndjson",
    "moment_ms",
    "page_limit",
    "read_json",
    "read_query",
    "why_not_moment",
]
