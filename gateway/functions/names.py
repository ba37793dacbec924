"""Which names of functions, jobs and queues a request may carry.

They become parts of Redis keys, log lines and metric labels, so each has a narrow alphabet.
"""

import re
from urllib.parse import quote

from jobgate.broker import Keys, why_not_job_id, why_not_queue
from jobgate.gateway.http import Problem

#: A function: a Python name, dotted or not; `:` for arq's `cron:…`, `<>` for `f.<locals>.g`.
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.:<>-]{0,127}")
_JOB_ID = re.compile(r"[A-Za-z0-9_.~-]{1,128}")
_QUEUE = re.compile(r"[A-Za-z0-9_.:~-]{1,128}")


def why_not_function(text: str) -> str | None:
    """Return why this cannot be a function's name; None = it can."""
    if _FUNCTION.fullmatch(text) is None:
        return (
            "A function name must be 1 to 128 letters, digits and _ . : < > -, and begin with a letter or _."
        )
    return None


def function_name(text: str) -> str:
    """Return the text if it can be a function's name; raises `Problem` 422."""
    if wrong := why_not_function(text):
        raise Problem("invalid-request", wrong)
    return text


def why_not_new_id(text: str) -> str | None:
    """Return why a new job may not have this id; None = it may. Jobs of stock arq may have any id."""
    if _JOB_ID.fullmatch(text) is None:
        return "A job id must be 1 to 128 letters, digits and _ . ~ -."
    return why_not_job_id(text)


def status_path(job_id: str) -> str:
    """Return the path of a job's status."""
    shown = job_id if _JOB_ID.fullmatch(job_id) else quote(job_id, safe="", errors="surrogateescape")
    return f"/jobs/{shown}/status"


class QueueNames:
    """Which queues a request may name.

    A queue's name is its key in Redis, so a name whose keys could collide with others is refused: a job
    enqueued into `arq:abort` would abort a job.

    Args:
        keys: The key names of the namespace.
        allowed: The only names besides the default queue; empty = every valid name.
        default: The queue of requests that name none; None = the namespace's.
    """

    def __init__(self, keys: Keys, allowed: tuple[str, ...] = (), *, default: str | None = None) -> None:
        #: The queue of requests that name none.
        self.default = keys.queue(default)
        #: The queue of operations on many jobs.
        self.operations = keys.operations
        self._allowed = frozenset(allowed)
        self._namespace = keys.namespace

    def why_not(self, name: str) -> str | None:
        """Return why no job may be enqueued into this queue; None = one may."""
        if name == self.default or name in self._allowed:
            return None
        if self._allowed:
            return "This gateway does not serve that queue."
        if _QUEUE.fullmatch(name) is None:
            return "A queue name must be 1 to 128 letters, digits and _ . : ~ -."
        return why_not_queue(self._namespace, name)

    def why_not_shown(self, name: str) -> str | None:
        """Return why a queue may not be looked at, paused and resumed; None = it may.

        The queue of operations may, although no request enqueues into it: its jobs are shown with its name.
        """
        return None if name == self.operations else self.why_not(name)
