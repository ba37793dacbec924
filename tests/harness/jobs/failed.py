"""Failed jobs in any number, as workers leave them, written without running them."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from jobgate.broker import Failure, FailureCode, JobOptions, JobResult, Keys, codec_named
from jobgate.broker.bodies import encode_failure_note, encode_result

_KEYS = Keys()
_AT_ONCE = 5000


@dataclass(frozen=True, kw_only=True)
class Failing:
    """How some jobs failed."""

    function: str = "send"
    type: str = "ValueError"
    message: str = "no"
    code: FailureCode = FailureCode.ERROR
    queue: str = "arq:queue"
    owner: str | None = None


def write_failed(
    client: redis.Redis, kinds: Sequence[Failing], number: int, *, every_ms: int = 1, prefix: str = "f"
) -> int:
    """Write failed jobs of these kinds in turn, `f-0` the oldest; return when the last one did."""
    newest_ms = time.time_ns() // 1_000_000
    for start in range(0, number, _AT_ONCE):
        with client.pipeline(transaction=False) as pipe:
            for at in range(start, min(start + _AT_ONCE, number)):
                kind = kinds[at % len(kinds)]
                result = _result(kind, f"{prefix}-{at}", newest_ms - (number - 1 - at) * every_ms)
                job_id = result.job_id
                pipe.set(_KEYS.result(job_id), encode_result(result, codec_named("json")), ex=3600)
                pipe.set(_KEYS.failure(job_id), encode_failure_note(result), ex=3600)
                pipe.set(_KEYS.request(job_id), _request(result), ex=3600)
                for index in (_KEYS.failed(kind.queue), _KEYS.finished(kind.queue)):
                    pipe.zadd(index, {job_id: result.finish_time_ms})
            pipe.execute()
    return newest_ms


def _result(kind: Failing, job_id: str, ended_ms: int) -> JobResult:
    return JobResult(
        job_id=job_id,
        function=kind.function,
        args=[1],
        kwargs={},
        tries=1,
        success=False,
        failure=Failure(type=kind.type, message=kind.message, code=kind.code, traceback="Traceback …"),
        enqueue_time_ms=ended_ms - 2,
        start_time_ms=ended_ms - 1,
        finish_time_ms=ended_ms,
        queue=kind.queue,
        options=JobOptions(owner=kind.owner),
    )


def _request(result: JobResult) -> str:
    own = {"q": result.queue, "o": result.options.owner}
    given: dict[str, Any] = {"t": None, "f": result.function, "a": [1], "k": {}, "et": result.enqueue_time_ms}
    return json.dumps({**given, "jobgate": {key: value for key, value in own.items() if value}})
