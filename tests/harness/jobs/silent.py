"""Jobs that wake nobody, as those of stock arq producers."""

import pickle
import time
from typing import Any

import redis


def enqueue_silently(
    client: redis.Redis, job_id: str, function: str, *args: Any, queue: str = "arq:queue"
) -> None:
    """Enqueue a job that is due now, with the commands of arq's `enqueue_job`."""
    now_ms = time.time_ns() // 1_000_000
    body: dict[str, Any] = {"t": None, "f": function, "a": args, "k": {}, "et": now_ms}
    with client.pipeline(transaction=True) as commands:
        commands.psetex(f"arq:job:{job_id}", 86_400_000, pickle.dumps(body))
        commands.zadd(queue, {job_id: now_ms})
        commands.execute()
