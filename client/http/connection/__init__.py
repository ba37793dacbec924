"""One request to a gateway and its answer: connections, retries, what an answer says."""

from jobgate.client.http.connection.exchange import ASK_THE_JOB, Exchange, Failure, Request
from jobgate.client.http.connection.problem_answers import ProblemAnswer
from jobgate.client.http.connection.response import (
    Response,
    described,
    job_end,
    job_info,
    queue_in,
    queue_of,
    read_job,
    require_same,
    time_in,
    unexpected,
)
from jobgate.client.http.connection.route import route_to

__all__ = [
    "ASK_THE_JOB",
    "Exchange",
    "Failure",
    "ProblemAnswer",
    "Request",
    "Response",
    "described",
    "job_end",
    "job_info",
    "queue_in",
    "queue_of",
    "read_job",
    "require_same",
    "route_to",
    "time_in",
    "unexpected",
]
