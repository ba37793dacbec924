"""Claims, and leases that have run out as Redis shows them."""

import itertools
import math
import time
from collections.abc import Sequence
from hashlib import sha1

import redis

from jobgate.broker import Broker, ClaimedJob, claim_token


def mark_of(token: str) -> float:
    """Return the fraction of a millisecond in which a lease's scores end, as lease.lua does."""
    number = int(sha1(token.encode()).hexdigest()[:8], 16) % 2046 + 1
    return (number if number < 1024 else number + 1) / 2048


def let_run_out(client: redis.Redis, *ids: str, queue: str = "arq:queue") -> None:
    """Make running jobs look to Redis as after a pause that was longer than their leases."""
    for job_id in ids:
        score = client.zscore(queue, job_id)
        assert isinstance(score, float)
        client.zadd(queue, {job_id: 1000 + math.modf(score)[0]})
        client.delete(f"arq:in-progress:{job_id}")


_NUMBERS = itertools.count()


async def claimed(broker: Broker, limit: int = 1, queue: str = "arq:queue") -> Sequence[ClaimedJob]:
    """Claim due jobs as the worker `w`, with a new token."""
    token = claim_token("w", next(_NUMBERS), time.time_ns() // 1_000_000)
    return (await broker.claim(queue, limit, worker_id="w", token=token, lease=10)).jobs
