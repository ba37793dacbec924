"""Where the programs find Redis, and how many jobs they run at once."""

import os

#: Variables that the benchmarks set.
REDIS_URL, CONCURRENCY = "BENCHMARK_REDIS_URL", "BENCHMARK_CONCURRENCY"

URL = os.environ.get(REDIS_URL, "redis://127.0.0.1:6379")


def concurrency() -> dict[str, int]:
    """Return the jobs that run at once as an argument of SAQ and streaQ, or nothing: their default."""
    given = os.environ.get(CONCURRENCY)
    return {"concurrency": int(given)} if given else {}
