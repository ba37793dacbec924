"""Which names and ids a request may carry.

They become parts of Redis keys, of log lines and of metric labels, so each has one narrow alphabet.
"""

import re
from urllib.parse import quote

from jobgate.broker.keys import Keys, why_not_job_id, why_not_queue
from jobgate.gateway.http.problems import Problem

#: A function: a Python name, dotted or not; `:` for arq's `cron:…`, `<>` for `f.<locals>.g`.
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.:<>-]{0,127}")
_JOB_ID = re.compile(r"[A-Za-z0-9_.~-]{1,128}")
_QUEUE = re.compile(r"[A-Za-z0-9_.:~-]{1,128}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.~-]{1,64}")


def function_name(text: str) -> str:
    """`text` if it can name a function; else `Problem` 422."""
    if _FUNCTION.fullmatch(text) is None:
        raise Problem(
            "invalid-request",
            "A function name must be 1 to 128 letters, digits and _ . : < > -, and begin with a letter or _.",
        )
    return text


def why_not_new_id(text: str) -> str | None:
    """Why a new job may not have this id; None = it may. Jobs that stock arq made may have any."""
    if _JOB_ID.fullmatch(text) is None:
        return "A job id must be 1 to 128 letters, digits and _ . ~ -."
    return why_not_job_id(text)


def status_path(job_id: str) -> str:
    """Where a job is found."""
    return f"/jobs/{quote(job_id, safe='', errors='surrogateescape')}/status"


def request_id(text: str | None) -> str | None:
    """`text` if it can be passed on as a request's id, else None: the gateway then makes one."""
    return text if text and _REQUEST_ID.fullmatch(text) else None


class QueueNames:
    """Which queues a request may name.

    A queue's name is its key in Redis, so a name whose keys could be other keys of the broker is refused: a
    job enqueued into `arq:abort` would abort a job.
    """

    def __init__(self, keys: Keys, allowed: tuple[str, ...] = (), *, default: str | None = None) -> None:
        """`allowed`: the only names besides the default queue; empty = every name that is a queue's.

        `default`: None = the namespace's.
        """
        #: The queue of requests that name none.
        self.default = keys.queue(default)
        self._allowed = frozenset(allowed)
        self._namespace = keys.namespace

    def why_not(self, name: str) -> str | None:
        """Why a request may not name this queue; None = it may."""
        if name == self.default or name in self._allowed:
            return None
        if self._allowed:
            return "This gateway serves other queues only."
        if _QUEUE.fullmatch(name) is None:
            return "A queue name must be 1 to 128 letters, digits and _ . : ~ -."
        return why_not_queue(self._namespace, name)
