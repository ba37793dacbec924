"""What arq's calls tell of jobs: plain data with arq's names, in arq's order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: How a user's own functions write and read the dict of a job or a result.
Serializer = Callable[[dict[str, Any]], bytes]
Deserializer = Callable[[bytes], dict[str, Any]]


@dataclass
class JobDef:
    """A job as it was enqueued. Times are aware, in UTC."""

    function: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: `_job_try` of the enqueue; in a result the number of the last try.
    job_try: int | None
    enqueue_time: datetime
    #: When it is due, in unix ms; None: it runs or has ended.
    score: int | None
    job_id: str | None


@dataclass
class JobResult(JobDef):
    """A job that has ended."""

    success: bool
    #: What the function returned, or the exception that `Job.result` raises.
    result: Any
    start_time: datetime
    finish_time: datetime
    queue_name: str
