"""Which names and ids a request may carry.

They become parts of Redis keys, of log lines and of metric labels, so each has one narrow alphabet.
"""

import re

from jobgate.broker.keys import Keys
from jobgate.gateway.problems import Problem

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
            "A function name is 1 to 128 letters, digits and _ . : < > -, and begins with a letter or _.",
        )
    return text


def is_job_id(text: str) -> bool:
    """Whether `text` can be the id of a job."""
    return _JOB_ID.fullmatch(text) is not None


def job_id(text: str) -> str:
    """`text` if it can be a job's id; else `Problem` 422."""
    if not is_job_id(text):
        raise Problem("invalid-request", "A job id is 1 to 128 letters, digits and _ . ~ -.")
    return text


def request_id(text: str | None) -> str | None:
    """`text` if it can be passed on as a request's id, else None: the gateway then makes one."""
    return text if text and _REQUEST_ID.fullmatch(text) else None


class QueueNames:
    """Which queues a request may name.

    A queue's name is its key in Redis, so a name that is, or could become, another kind of key of the
    broker is refused: a job enqueued into `arq:abort` would abort a job.
    """

    def __init__(self, keys: Keys, allowed: tuple[str, ...] = (), *, default: str | None = None) -> None:
        """`allowed`: the only names besides the default queue; empty = every name that is a queue's.

        `default`: None = the namespace's.
        """
        #: The queue of requests that name none.
        self.default = keys.queue(default)
        self._allowed = frozenset(allowed)
        self._prefixes = tuple(key("") for key in (keys.job, keys.result, keys.in_progress, keys.retry))
        self._suffixes = tuple(
            key("") for key in (keys.wake, keys.workers, keys.health_check, keys.abort_channel, keys.paused)
        )
        self._infixes = (
            *(key("", "") for key in (keys.claim, keys.worker, keys.progress)),
            *(key("").removeprefix(keys.default_queue) for key in (keys.ended, keys.idempotency)),
        )
        self._abort = keys.abort

    def why_not(self, name: str) -> str | None:
        """Why a request may not name this queue; None = it may."""
        if name == self.default or name in self._allowed:
            return None
        if self._allowed:
            return "This gateway serves other queues only."
        if _QUEUE.fullmatch(name) is None:
            return "A queue name is 1 to 128 letters, digits and _ . : ~ -."
        if self._is_key(name):
            return "This name is a key of the broker's own."
        return None

    def _is_key(self, name: str) -> bool:
        return (
            name == self._abort
            or name.startswith(self._prefixes)
            or name.endswith(self._suffixes)
            or any(infix in name for infix in self._infixes)
        )
