"""Every Redis key that jobgate reads or writes, each with its Redis type.

The layout is arq's (docs/redis-layout.md). Keys that arq does not know are named after a queue,
`<queue>:…`, never `arq:job:…` and the like, because arq and dashboards scan those.
"""

from dataclasses import dataclass

DEFAULT_NAMESPACE = "arq"


def is_plain_name(text: str) -> bool:
    """Whether a text can be told as the name of a queue or a namespace: no spaces, no commas, not empty.

    Redis and arq take any text; options, variables and lists do not.
    """
    return bool(text) and text.isprintable() and not any(one.isspace() or one == "," for one in text)


@dataclass(frozen=True, slots=True)
class Keys:
    """The key names of one namespace.

    A namespace other than `arq` keeps a fleet apart from stock arq; with a hash tag, `{emails}`,
    all keys of a job fall into one Redis Cluster slot.
    """

    namespace: str = DEFAULT_NAMESPACE

    @property
    def default_queue(self) -> str:
        """The queue that is used when none is named. The queue's name is its key."""
        return f"{self.namespace}:queue"

    def job(self, job_id: str) -> str:  # STRING, PX
        """The encoded job, there from enqueue until it has ended."""
        return f"{self.namespace}:job:{job_id}"

    def result(self, job_id: str) -> str:  # STRING, PX
        """The encoded result, there for `keep_result` after the end."""
        return f"{self.namespace}:result:{job_id}"

    def in_progress(self, job_id: str) -> str:  # STRING, PX
        """The lease: its value is the token of the claim, `1` when a stock arq worker runs it."""
        return f"{self.namespace}:in-progress:{job_id}"

    def retry(self, job_id: str) -> str:  # STRING (integer), PX
        """How many tries were started."""
        return f"{self.namespace}:retry:{job_id}"

    @property
    def abort(self) -> str:  # ZSET job id -> time of the request in unix ms
        """The abort marks of all queues."""
        return f"{self.namespace}:abort"

    def queue(self, name: str | None) -> str:  # ZSET job id -> due time in unix ms
        """The queue's own key: its name, or the default queue."""
        return name or self.default_queue

    def health_check(self, queue: str) -> str:  # STRING, PX
        """The health line that arq's workers share."""
        return f"{queue}:health-check"

    def wake(self, queue: str) -> str:  # LIST of at most one token, PX
        """Idle workers block on it."""
        return f"{queue}:wake"

    def paused(self, queue: str) -> str:  # STRING, unix ms
        """There while a queue is paused: since when."""
        return f"{queue}:paused"

    def claim(self, queue: str, worker_id: str) -> str:  # STRING, PX
        """A worker's last claim, so that a claim whose answer was lost can be repeated."""
        return f"{queue}:claim:{worker_id}"

    def workers(self, queue: str) -> str:  # ZSET worker id -> unix ms at which its record ends
        """The live workers of a queue."""
        return f"{queue}:workers"

    def worker(self, queue: str, worker_id: str) -> str:  # STRING (JSON), PX
        """One worker's record: host, pid, functions, heartbeat."""
        return f"{queue}:worker:{worker_id}"

    def progress(self, queue: str, job_id: str) -> str:  # STRING "<token> <unix ms> <JSON>", PX
        """What a running job last said of its progress, and under which lease."""
        return f"{queue}:progress:{job_id}"

    def ended(self, job_id: str) -> str:  # STRING "<token or `abort <owner>`> <sha1 of the body>", PX
        """That a job has ended whose result was not kept: tells a repeated call from a new one.

        It is not named after the job's queue, because whoever repeats a call may not know that.
        """
        return f"{self.default_queue}:ended:{job_id}"

    def wanted(self, job_id: str) -> str:  # STRING, empty, PX
        """That somebody waits for the outcome of a job, whatever the queue, should it not be kept."""
        return f"{self.default_queue}:wanted:{job_id}"

    def outcome(self, job_id: str) -> str:  # STRING, PX
        """An outcome that is not kept, for a moment, for those who wait for it."""
        return f"{self.default_queue}:outcome:{job_id}"

    def idempotency(self, digest: str) -> str:  # STRING "<request digest> <job id>", PX
        """What an idempotency key was used for, whatever the queue."""
        return f"{self.default_queue}:idempotency:{digest}"

    def abort_channel(self, queue: str) -> str:  # pub/sub channel, message = job id
        """Where workers hear at once of jobs to abort; the abort mark is the truth."""
        return f"{queue}:abort-notices"
