"""Every Redis key that jobgate reads or writes, with its Redis type, and which names are free.

The layout is arq's (docs/redis-layout.md). Keys that arq does not know are named after a queue, `<queue>:…`,
never `arq:job:…` and the like, because arq and dashboards scan those.

A queue's name is its key, and ids may contain any text. So a name is refused if one of its keys could also be
made of other names. The rules are derived from the key functions, by calling them.
"""

import inspect
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from jobgate.broker.errors import InvalidName

DEFAULT_NAMESPACE: Final = "arq"


def is_plain_name(text: str) -> bool:
    """Return whether a queue or a namespace of this name can be written in options: no space, no comma.

    Redis and arq accept any text; command line options, environment variables and lists do not.
    """
    return bool(text) and text.isprintable() and not any(one.isspace() or one == "," for one in text)


@dataclass(frozen=True, slots=True)
class Keys:
    """The key names of one namespace.

    A namespace other than `arq` separates a fleet from stock arq. With a hash tag, `{emails}`, all keys of a
    job fall into one Redis Cluster slot.

    Raises:
        InvalidName: Keys of this namespace could collide with others.
    """

    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        if wrong := why_not_namespace(self.namespace):
            raise InvalidName(wrong)

    @property
    def default_queue(self) -> str:
        """The queue that is used if none is named. The queue's name is its key."""
        return f"{self.namespace}:queue"

    @property
    def operations(self) -> str:  # ZSET, as of any queue
        """The queue of operations on many jobs, which gateways run. Callers cannot use its name."""
        return f"{self.namespace}:operations"

    def job(self, job_id: str) -> str:  # STRING, PX
        """The encoded job, from its enqueue until its end."""
        return f"{self.namespace}:job:{job_id}"

    def result(self, job_id: str) -> str:  # STRING, PX
        """The encoded result, for `keep_result` after the end."""
        return f"{self.namespace}:result:{job_id}"

    def in_progress(self, job_id: str) -> str:  # STRING, PX
        """The lease: the token of its claim, or `1` if a stock arq worker runs the job."""
        return f"{self.namespace}:in-progress:{job_id}"

    def retry(self, job_id: str) -> str:  # STRING (integer), PX
        """The number of tries that were started."""
        return f"{self.namespace}:retry:{job_id}"

    @property
    def abort(self) -> str:  # ZSET job id -> time of the request in unix ms
        """The abort marks of all queues."""
        return f"{self.namespace}:abort"

    def queue(self, name: str | None) -> str:  # ZSET job id -> due time in unix ms
        """The queue's own key: its name, or the default queue.

        Raises:
            InvalidName: Keys of this queue could collide with others.
        """
        if not name or name == self.default_queue:
            return self.default_queue
        if name == self.operations:
            return name
        if wrong := why_not_queue(self.namespace, name):
            raise InvalidName(wrong)
        return name

    def health_check(self, queue: str) -> str:  # STRING, PX
        """The health line that arq's workers share."""
        return f"{queue}:health-check"

    def wake(self, queue: str) -> str:  # LIST of at most one token, PX
        """Idle workers block on it."""
        return f"{queue}:wake"

    def poller(self, queue: str) -> str:  # STRING "<worker> <unix ms of its next look>", PX
        """The idle worker that looks for jobs which wake nobody, while the others sleep."""
        return f"{queue}:job-poller"

    def paused(self, queue: str) -> str:  # STRING, unix ms
        """Exists while a queue is paused: the start of the pause."""
        return f"{queue}:paused"

    def claim(self, queue: str, worker_id: str) -> str:  # STRING, PX
        """A worker's last claim, so that it can be repeated if its answer was lost."""
        return f"{queue}:claim:{worker_id}"

    def workers(self, queue: str) -> str:  # ZSET worker id -> unix ms at which its record ends
        """The live workers of a queue."""
        return f"{queue}:workers"

    def worker(self, queue: str, worker_id: str) -> str:  # STRING (JSON), PX
        """One worker's record: host, pid, catalogue, heartbeat."""
        return f"{queue}:worker:{worker_id}"

    @property
    def queues(self) -> str:  # ZSET queue -> unix ms at which it was last in use, PX
        """The queues of the namespace that are in use, so that nobody has to scan for them."""
        return f"{self.default_queue}:queues"

    def vitals(self, worker_id: str) -> str:  # STRING (JSON), PX
        """What a worker does now: see worker_vitals.py. Written once, whatever number of queues it serves."""
        return f"{self.default_queue}:vitals:{worker_id}"

    def progress(self, queue: str, job_id: str) -> str:  # STRING "<token> <unix ms> <JSON>", PX
        """The progress that a running job last reported, and its lease."""
        return f"{queue}:progress:{job_id}"

    def ended(self, job_id: str) -> str:  # STRING, see end_marks.py, PX
        """Mark of a job that ended without a kept result: distinguishes a repeated call from a new one.

        It is not named after the job's queue, because a caller that repeats a call may not know the queue.
        """
        return f"{self.default_queue}:ended:{job_id}"

    def suspect(self, job_id: str) -> str:  # STRING, PX; see claim.lua
        """Mark of a job that was running when its worker died: see claim.lua."""
        return f"{self.default_queue}:suspect:{job_id}"

    def wanted(self, job_id: str) -> str:  # STRING, empty, PX
        """Exists while somebody waits for the outcome of a job of any queue, in case it is not kept."""
        return f"{self.default_queue}:wanted:{job_id}"

    def outcome(self, job_id: str) -> str:  # STRING, PX
        """An outcome that is not kept, for a moment, for those who wait."""
        return f"{self.default_queue}:outcome:{job_id}"

    def idempotency(self, digest: str) -> str:  # STRING "<request digest> <job id>", PX
        """What an idempotency key was used for, in any queue."""
        return f"{self.default_queue}:idempotency:{digest}"

    def waits(self, caller: str) -> str:  # ZSET token of a wait -> unix ms at which it ends by itself, PX
        """The waits of one caller at all gateways, for a caller with a limit of its own."""
        return f"{self.default_queue}:waits:{caller}"

    def catalogue(self, digest: str) -> str:  # STRING (one JSON document for each line), PX
        """The functions of the workers that announce this digest, in any queue."""
        return f"{self.default_queue}:catalogue:{digest}"

    def finished(self, queue: str) -> str:  # ZSET job id -> time of its end in unix ms, PX
        """The jobs of a queue that have ended and whose results are kept."""
        return f"{queue}:index:finished"

    def failed(self, queue: str) -> str:  # ZSET job id -> time of its end in unix ms, PX
        """Those of them that failed."""
        return f"{queue}:index:failed"

    def activity(self, queue: str, minute: str) -> str:  # HASH "<kind> <function>" -> number, PX
        """What happened to the jobs of a queue in one minute, a number since 1970; see activity.lua."""
        return f"{queue}:job-activity:{minute}"

    def cron_runs(self, queue: str, function: str) -> str:  # LIST (JSON), the newest first, PX
        """The last runs of a cron job of a queue: see cron_runs.py."""
        return f"{queue}:cron-runs:{function}"

    def times(self, window: str) -> str:  # HASH "<kind and bucket> <function>" -> number, PX
        """How long jobs of all queues ran and waited, for each ten minutes since 1970; see add_times.lua."""
        return f"{self.default_queue}:function-times:{window}"

    def listeners(self, queue: str) -> str:  # STRING, PX
        """Exists while somebody listens to what happens in a queue."""
        return f"{queue}:job-listeners"

    def job_channel(self, queue: str) -> str:  # pub/sub channel, message = kind and job ids
        """Notifies those who listen of what happens; only a hint, the jobs themselves are authoritative."""
        return f"{queue}:job-notices"

    def answers(self, process: str) -> str:  # pub/sub channel, message = number of a call, and its outcome
        """Sends outcomes to the process whose callers wait; only a hint, the results are authoritative."""
        return f"{self.default_queue}:answers:{process}"

    def request(self, job_id: str) -> str:  # STRING, PX
        """The encoded request of a job that failed, as long as its result, so that it can be run again."""
        return f"{self.default_queue}:kept-request:{job_id}"

    def failure(self, job_id: str) -> str:  # STRING (JSON), PX
        """Note of why a job failed, as long as its result: see failure_notes.py."""
        return f"{self.default_queue}:failure-note:{job_id}"

    def tries(self, job_id: str) -> str:  # LIST of "<unix ms> <JSON>", PX
        """The tries of a job that were followed by another one: see earlier_tries.py."""
        return f"{self.default_queue}:earlier-tries:{job_id}"

    def retried(self, job_id: str) -> str:  # STRING, the new job's id, PX
        """The job as which a finished one was run again; kept as long as its result."""
        return f"{self.default_queue}:retried-as:{job_id}"

    def rate(self, caller: str) -> str:  # STRING, unix ms, PX
        """The time up to which the jobs of an API key are paid for, if its rate is limited."""
        return f"{self.default_queue}:key-rate:{caller}"

    def pending(self, caller: str) -> str:  # ZSET job id -> unix ms at which it has gone at the latest, PX
        """The jobs of an API key that have not ended, if the key has limits."""
        return f"{self.default_queue}:key-pending:{caller}"

    @property
    def epoch(self) -> str:  # STRING
        """Name of the data set, written once: it is lost only together with all other keys."""
        return f"{self.default_queue}:epoch"

    @property
    def probe(self) -> str:  # STRING, PX
        """Written by a readiness check, to see whether Redis accepts writes."""
        return f"{self.default_queue}:probe"

    def abort_channel(self, queue: str) -> str:  # pub/sub channel, message = job id
        """Notifies workers of jobs to abort; only a hint, the abort mark is authoritative."""
        return f"{queue}:abort-notices"


@lru_cache(maxsize=1024)
def why_not_queue(namespace: str, name: str) -> str | None:
    """Return why a queue cannot have this name in a namespace, and which names are free; None = it can."""
    key = _met_by_queue(namespace, name)
    return None if key is None else _refusal(f"The queue name {name!r}", key, namespace)


@lru_cache(maxsize=64)
def why_not_namespace(namespace: str) -> str | None:
    """Return why a namespace cannot have this name, and which names are free; None = it can."""
    if not namespace:
        return "A namespace needs a name, such as arq."
    key = _met_by_namespace(namespace)
    return None if key is None else _refusal(f"The namespace {namespace!r}", key, namespace)


def why_not_health_key(namespace: str, key: str, queues: Collection[str]) -> str | None:
    """Return why a worker of these queues cannot write its health line to `key`; None = it can."""
    if key in (*queues, _Unchecked(namespace).default_queue):
        return f"The health check key {key!r} is a queue: choose another, such as {key}:health-check."
    met = _met_by_key(namespace, key, ending=_Unchecked(namespace).health_check(""))
    return None if met is None else _refusal(f"The health check key {key!r}", met, namespace)


def why_not_job_id(job_id: str) -> str | None:
    """Return why a new job cannot have this id; None = it can. Jobs of stock arq may have any id."""
    if job_id in {".", ".."}:
        return f"The job id {job_id!r} cannot be part of a URL: choose another."
    return None


def _refusal(what: str, key: str, namespace: str) -> str:
    words = ", ".join(sorted(_reserved(namespace)))
    return (
        f"{what} cannot be used: its key {key!r} could also be that of a job or of another queue. "
        f"Choose a name without these words between its colons: {words}."
    )


class _Unchecked(Keys):
    """Key names of a namespace that need not be valid."""

    def __post_init__(self) -> None:
        """Accept every namespace."""


@dataclass(frozen=True, slots=True)
class _Form:
    """The fixed part of the keys that one function makes."""

    text: str
    #: Whether any text may follow, such as an id.
    is_open: bool

    def meets(self, other: "_Form") -> bool:
        """Return whether a key can have both forms."""
        return (
            self.text == other.text
            or (self.is_open and other.text.startswith(self.text))
            or (other.is_open and self.text.startswith(other.text))
        )


@dataclass(frozen=True, slots=True)
class _Layout:
    """The forms of all keys of a namespace."""

    #: Keys that belong to the namespace or to an id.
    own: tuple[_Form, ...]
    #: Endings that follow a queue's name.
    tails: tuple[_Form, ...]


#: Stands for a name in a key.
_HOLE: Final = "\0"
#: Members of `Keys` that return a queue's own key, which is the queue's name.
_NAMES_OF_QUEUES: Final = frozenset({"queue", "default_queue"})


@lru_cache(maxsize=64)
def _layout(namespace: str) -> _Layout:
    own: list[_Form] = []
    tails: list[_Form] = []
    for key in _keys_with_holes(_Unchecked(namespace)):
        is_of_queue = key.startswith(_HOLE)
        text, hole, _ = key.removeprefix(_HOLE).partition(_HOLE)
        (tails if is_of_queue else own).append(_Form(text, bool(hole)))
    return _Layout(tuple(own), tuple(tails))


def _keys_with_holes(keys: Keys) -> Iterator[str]:
    """Call every key function, with a hole for each name."""
    for name, member in vars(Keys).items():
        if name.startswith("_") or name in _NAMES_OF_QUEUES:
            continue
        if isinstance(member, property):
            yield getattr(keys, name)
        elif inspect.isfunction(member):
            yield member(keys, *[_HOLE] * (len(inspect.signature(member).parameters) - 1))


def _own_forms(namespace: str) -> tuple[_Form, ...]:
    """Return the forms that no other key may have: also those of stock arq, which may use the same Redis."""
    mine = _layout(namespace).own
    return mine if namespace == DEFAULT_NAMESPACE else mine + _layout(DEFAULT_NAMESPACE).own


def _met_by_queue(namespace: str, name: str) -> str | None:
    """Return a key of the queue that could also be made of other names; None = there is none."""
    for tail in (_Form("", is_open=False), *_layout(namespace).tails):
        met = _met_by_key(namespace, name + tail.text, length=len(name), is_open=tail.is_open)
        if met is not None:
            return met
    return None


def _met_by_key(
    namespace: str, key: str, *, length: int | None = None, is_open: bool = False, ending: str = ""
) -> str | None:
    """Return the key if it could also be made of other names.

    Args:
        namespace: Its forms count, besides those of arq.
        key: The key, or its start.
        length: Length of the queue's name at its start, after which the queue's own tail begins; None = all.
        is_open: Whether any text may follow `key`.
        ending: A tail that the key may have.
    """
    end = len(key) if length is None else length
    this = _Form(key, is_open)
    if any(form.meets(this) for form in _own_forms(namespace)):
        return key
    for tail in _layout(namespace).tails:
        at = key.find(tail.text) if tail.is_open else _place_of_ending(key, tail.text)
        if -1 < at < end and tail.text != ending:
            return key
    return None


def _place_of_ending(key: str, ending: str) -> int:
    return len(key) - len(ending) if key.endswith(ending) else -1


def _met_by_namespace(namespace: str) -> str | None:
    if namespace != DEFAULT_NAMESPACE:
        taken = _layout(DEFAULT_NAMESPACE).own
        for mine in _layout(namespace).own:
            if any(mine.meets(form) for form in taken):
                return mine.text
    return _met_by_queue(namespace, _Unchecked(namespace).default_queue)


def _reserved(namespace: str) -> set[str]:
    """Return the words that forms have after a name: a name without them meets no form."""
    layout, default_queue = _layout(namespace), _Unchecked(namespace).default_queue
    rests = [form.text.removeprefix(default_queue).removeprefix(namespace) for form in layout.own]
    rests += [tail.text for tail in layout.tails]
    return {word for rest in rests for word in rest.split(":") if word}
