"""Finished jobs by the hundred thousand, and how long a page of `GET /jobs` takes.

Jobs are written as finish.lua leaves them, because running a million takes minutes.
"""

import json
import time
import urllib.request

import redis

from benchmarks.peers import GATEWAY
from benchmarks.running import Failed, Stage, in_turns
from benchmarks.tables import Figure, Table
from jobgate.broker import Keys

JOBS, PAGES = 1_000_000, 30

#: One in this many jobs failed.
FAILED_EVERY = 50
_AT_ONCE = 10_000


def fill(port: int, jobs: int) -> None:
    """Write finished jobs with their results and their entries in the indexes."""
    keys, queue = Keys(), Keys().default_queue
    stored = {"t": 1, "f": "noop", "a": [42, "de"], "k": {"key": "value"}, "et": 0, "r": None, "q": queue}
    own = {"w": "host.1.abcd", "rt": "0123456789abcdef"}
    with redis.Redis(port=port) as client:
        for start in range(0, jobs, _AT_ONCE):
            results, finished, failed = {}, {}, {}
            for number in range(start, start + _AT_ONCE):
                job_id, is_failed = f"{number:032x}", number % FAILED_EVERY == 0
                ended = 1_700_000_000_000 + number
                failure = {"type": "ValueError", "message": "no", "traceback": ""} if is_failed else None
                document = {
                    **stored, "s": not is_failed, "r": failure, "st": ended - 5, "ft": ended, "id": job_id,
                    "jobgate": own | ({"c": "error"} if is_failed else {}),
                }  # fmt: skip
                results[keys.result(job_id)] = json.dumps(document)
                finished[job_id] = ended
                if is_failed:
                    failed[job_id] = ended
            client.mset(results)
            client.zadd(keys.finished(queue), finished)
            client.zadd(keys.failed(queue), failed)


def page_ms(port: int, query: str, pages: int) -> list[float]:
    """Ask a gateway for pages, one after another; return the milliseconds of each."""
    taken, cursor = [], ""
    for _ in range(pages):
        started = time.perf_counter()
        url = f"http://127.0.0.1:{port}/jobs?{query}&cursor={cursor}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            page = json.load(answer)
        taken.append((time.perf_counter() - started) * 1000)
        if not page["jobs"]:
            raise Failed(f"No jobs on a page of {query}.")
        cursor = page["next_cursor"]
    return taken


def list_finished(stage: Stage) -> Table:
    """Measure pages of 100 jobs, among them those of a filter that rules out 49 of 50 jobs."""
    figures = [
        Figure("page", "ms", more_is_better=False),
        Figure("longest", "ms", more_is_better=False),
    ]
    jobs = max(_AT_ONCE, stage.scaled(JOBS))
    table = Table("list", f"A page of 100 of {jobs:,} finished jobs", figures)

    def measure() -> dict[str, float]:
        fill(stage.port, jobs)
        with GATEWAY.running(stage) as (_, port):
            pages = sorted(page_ms(port, "status=complete", PAGES))
            failed = sorted(page_ms(port, "success=false&code=error", PAGES))
        table.add("failed ones", {"page": failed[PAGES // 2], "longest": failed[-1]})
        return {"page": pages[PAGES // 2], "longest": pages[-1]}

    return in_turns(table, stage.once, {"jobgate": measure})
