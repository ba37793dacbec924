"""The ids of runs of cron jobs, by arq's rule, and the key under which Redis remembers a run for a day."""

import hashlib
import re

import orjson

#: What follows the name of a cron job in an id of a run: a time in unix ms, and perhaps the mark of a worker.
_RUN = re.compile(r":([0-9]{1,14})(:|$)")


def run_id(name: str, due_ms: int) -> str:
    """Return the id that the job of a run has in the whole fleet, also on stock arq workers."""
    return f"{name}:{due_ms}"


def due_of_run(job_id: str, name: str) -> int | None:
    """Return the time of the run that has this id, in unix ms; None = it is no such id."""
    found = _RUN.match(job_id.removeprefix(name))
    return int(found[1]) if found and job_id.startswith(name) else None


def run_memory(queue: str, name: str, job_id: str | None, own_id: str) -> str:
    """Return the digest of the idempotency key of a run: Redis has it when nothing else is left of the run.

    Args:
        queue: The queue that its job goes to.
        name: Name of the cron job.
        job_id: The id of all its jobs, if it has one.
        own_id: The id that the run has otherwise.
    """
    whole = orjson.dumps([queue, name, job_id, own_id])
    return f"cron:{hashlib.blake2b(whole, digest_size=16).hexdigest()}"
