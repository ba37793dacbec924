"""The settings of a worker: all of arq's `WorkerSettings`, and jobgate's own.

They are read from a class (with inherited attributes), an instance or a dict. Other attributes are ignored,
as in arq; one whose name is close to a setting's gets a warning.
"""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import tzinfo
from types import FunctionType
from typing import Any, Self

from jobgate.broker import (
    DEFAULT_INDEX_LIMIT,
    DEFAULT_KEEP,
    DEFAULT_LEASE,
    DEFAULT_NAMESPACE,
    DEFAULT_URL,
    InvalidName,
    Keys,
    RedisSettings,
    settings_of,
    why_not_health_key,
    why_not_job_id,
    why_not_queue,
)
from jobgate.worker.cron_jobs import CronJob
from jobgate.worker.errors import SettingsError
from jobgate.worker.functions import (
    Backoff,
    Function,
    ResolvedFunction,
    RetryPolicy,
    Rule,
    RunLimits,
)
from jobgate.worker.hints import AdapterCache
from jobgate.worker.log import logger
from jobgate.worker.setting_rules import checked

#: Lowest similarity to a setting's name, from 0 to 1, that counts as a misspelling.
_NEAR = 0.85

Hook = Callable[[dict[str, Any]], Any]

#: An override -> the setting of the source that would otherwise take precedence over it.
_OVERRULED = {"queue_name": "queues", "redis_settings": "redis_pool"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How one worker works. Durations are seconds; `timedelta` is accepted too."""

    #: Functions, import paths or `func(…)`; at least one, or a cron job.
    functions: Sequence[Function] = ()
    #: Results of `cron(…)`; jobs can be enqueued for their functions too.
    cron_jobs: Sequence[CronJob] = ()
    #: The wall clock of cron jobs: a `tzinfo` or a zone's name; None = the system's.
    timezone: tzinfo | None = None
    #: The queue, whose name is its Redis key; None = the namespace's `…:queue`.
    queue_name: str | None = None
    #: Several queues instead of `queue_name`: name -> weight, or a list of names, each with weight 1. While
    #: both have jobs, three are claimed from a queue of weight 3 for each one from a queue of weight 1.
    queues: Mapping[str, int] | None = None
    #: `RedisSettings`, a URL, or arq's own object; None = redis://localhost:6379.
    redis_settings: object = None
    #: Stop when the queue is empty; deferred jobs and jobs that run elsewhere count too.
    burst: bool = False
    #: With `burst`, stop after this many starts; negative = no limit.
    max_burst_jobs: int = -1
    #: Called with `ctx` before the first claim; an exception ends the worker.
    on_startup: Hook | None = None
    #: How long connecting and `on_startup` may take before /livez reports the worker as stuck; None = no
    #: limit.
    startup_timeout: float | None = None
    #: Called with `ctx` after the last job.
    on_shutdown: Hook | None = None
    #: Called with the job's `ctx` before each run; an exception fails that job.
    on_job_start: Hook | None = None
    #: Called with the job's `ctx` after each run, before its result is stored.
    on_job_end: Hook | None = None
    #: Called with the job's `ctx` after its result is stored.
    after_job_end: Hook | None = None
    #: Stop at SIGINT and SIGTERM.
    handle_signals: bool = True
    #: The event loop of a worker that owns its process: `asyncio`, `uvloop`, or `auto`, which is uvloop where
    #: it is installed.
    loop: str = "auto"
    #: How long a stopping worker waits for running jobs before it cancels and releases them.
    job_completion_wait: float = 0.0
    #: Jobs that run at the same time.
    max_jobs: int = 10
    #: Run limit of one job; None = no limit.
    job_timeout: float | None = 300.0
    #: How long results are kept; 0 = not at all.
    keep_result: float = DEFAULT_KEEP
    #: Keep results for ever; overrides `keep_result`.
    keep_result_forever: bool = False
    #: How long an idle worker sleeps when no wake token comes (stock arq producers send none); 0 = a few ms.
    poll_delay: float = 0.5
    #: Starts allowed.
    max_tries: int = 5
    #: Exceptions after which a job runs again, for functions without a `retry_on` of their own; a timeout is
    #: a `TimeoutError`.
    retry_on: tuple[type[Exception], ...] = ()
    #: Pauses between these tries: seconds of the first, `Backoff(…)`, or a function from try to seconds.
    backoff: Backoff | Rule = field(default_factory=Backoff)
    #: Functions with `executor="process"` that run at the same time; None = one for each CPU.
    max_processes: int | None = None
    #: Initial content of each job's `ctx`. The worker adds to this very dict, unless it is empty.
    ctx: dict[str, Any] = field(default_factory=dict)
    #: Honour `Retry`, and release jobs at shutdown. False: both fail the job, as in arq.
    retry_jobs: bool = True
    #: Honour requests to abort. arq's default is False.
    allow_abort_jobs: bool = True
    #: Own codec: dict to bytes; together with `job_deserializer`.
    job_serializer: Callable[[dict[str, Any]], bytes] | None = None
    #: Own codec: bytes to dict.
    job_deserializer: Callable[[bytes], dict[str, Any]] | None = None
    #: Show the repr of results in the log.
    log_results: bool = True
    #: Show the repr of arguments in the log. This does not cover what a function itself logs or raises.
    log_arguments: bool = True
    #: Use the type hints of functions: validate and convert arguments and results, and publish their schemas.
    #: `func(…, validate=…)` decides for one function.
    validate: bool = True
    #: json, msgpack or pickle; `job_serializer` takes precedence.
    serializer: str = "json"
    #: Longest encoded result in bytes; a longer one fails its job with `unserialisable-result`.
    result_limit: int = 8 * 1024 * 1024
    #: Finished jobs of a queue, and failed ones, that can be listed; the results of others are found by id.
    index_limit: int = DEFAULT_INDEX_LIMIT
    #: Prefix of every Redis key.
    namespace: str = DEFAULT_NAMESPACE
    #: How long a claimed job belongs to this worker without a renewal; at least 1.
    lease: float = DEFAULT_LEASE
    #: Serve /metrics and /livez on this port; None = not at all, 0 = a free one.
    metrics_port: int | None = None
    #: Address for them.
    metrics_host: str = "127.0.0.1"
    #: Ids that Redis reads at a time where a claim has to skip jobs that stock arq workers run. Unlike in arq
    #: it is not a limit: a claim reads until it has found enough. None = max(5 * max_jobs, 100).
    queue_read_limit: int | None = None
    #: Seconds between two health lines; each one expires a second later.
    health_check_interval: float = 3600.0
    #: Where the health line is written; None = `<queue>:health-check`.
    health_check_key: str | None = None
    #: How long jobs enqueued by `ctx["redis"]` live beyond their due time.
    expires_extra_ms: int = 86_400_000
    #: A client or connection pool of redis-py, or arq's own pool, instead of `redis_settings`. The worker
    #: connects to the same server, functions get it as `ctx["redis"]`, and the worker does not close it.
    redis_pool: object = None

    @classmethod
    def known_of(cls, source: object) -> dict[str, Any]:
        """Return the settings in a class, an instance or a dict, unchecked."""
        return _attributes(source, [each.name for each in fields(cls)])

    @classmethod
    def of(cls, source: object = None, /, **overrides: object) -> Self:
        """Read settings and check them.

        Args:
            source: A class, an instance, a dict, a list of functions, or None.
            overrides: Settings that override the source, even with None.

        Raises:
            SettingsError: A value cannot be used; the message names the setting.
        """
        names = [each.name for each in fields(cls)]
        if unknown := set(overrides).difference(names):
            raise SettingsError(f"{min(unknown)} is not a setting of a worker")
        known = _attributes(source, names)
        _warn_of_near_misses(source, names)
        for winner, loser in _OVERRULED.items():
            if overrides.get(winner) is not None:
                known.pop(loser, None)
        settings = cls(**checked(known | overrides))
        settings._check_names()
        return settings

    def require_functions(self) -> None:
        """Raise SettingsError where there are no functions; only running a worker needs them."""
        if not self.functions:
            raise SettingsError("functions must contain at least one function, or cron_jobs one job")

    @property
    def redis(self) -> RedisSettings:
        """Where Redis is."""
        return settings_of(self.redis_pool or self.redis_settings or DEFAULT_URL)

    @property
    def weights(self) -> Mapping[str, int]:
        """The queues to claim from, with their weights."""
        name = self.queue_name or _queue_of_pool(self.redis_pool)
        return self.queues or {Keys(self.namespace).queue(name): 1}

    @property
    def queue(self) -> str:
        """The first of these queues; cron jobs go there."""
        return next(iter(self.weights))

    @property
    def read_limit(self) -> int:
        """`queue_read_limit`, or arq's default."""
        return self.queue_read_limit or max(5 * self.max_jobs, 100)

    @property
    def limits(self) -> RunLimits:
        """The limits of jobs whose function is unknown."""
        keep = None if self.keep_result_forever else self.keep_result
        return RunLimits(timeout=self.job_timeout, max_tries=self.max_tries, keep=keep)

    def resolved(self) -> dict[str, ResolvedFunction]:
        """Return the functions by name, each with its own limits or else the worker's."""
        crons, cache = {cron.name for cron in self.cron_jobs}, AdapterCache()
        return {
            each.name: ResolvedFunction(
                each,
                self._limits_of(each),
                self._policy_of(each),
                is_cron=each.name in crons,
                cache=cache if (self.validate if each.validate is None else each.validate) else None,
            )
            for each in self.functions
        }

    def _limits_of(self, function: Function) -> RunLimits:
        forever = function.keep_result_forever
        if forever is None:
            forever = self.keep_result_forever
        keep = self.keep_result if function.keep_result_s is None else function.keep_result_s
        return RunLimits(
            timeout=function.timeout_s or self.job_timeout,
            max_tries=function.max_tries or self.max_tries,
            keep=None if forever else keep,
        )

    def _policy_of(self, function: Function) -> RetryPolicy | None:
        retry_on = self.retry_on if function.retry_on is None else function.retry_on
        backoff = self.backoff if function.backoff is None else function.backoff
        return RetryPolicy(retry_on, backoff) if retry_on else None

    def _check_names(self) -> None:
        """Refuse names whose Redis keys could collide with others."""
        try:
            keys = Keys(self.namespace)
            queues = [keys.queue(name) for name in self.weights]
        except InvalidName as error:
            raise SettingsError(str(error)) from None
        line, ids = self.health_check_key, (job.job_id for job in self.cron_jobs)
        wrong = why_not_health_key(self.namespace, line, queues) if line else None
        wrong = wrong or next(filter(None, (why_not_job_id(job_id) for job_id in ids if job_id)), None)
        # Its jobs are run by gateways alone.
        wrong = wrong or (
            why_not_queue(self.namespace, keys.operations) if keys.operations in queues else None
        )
        if wrong:
            raise SettingsError(wrong)

    def changed(self, **changes: Any) -> Self:
        """Return a copy with some settings replaced."""
        return replace(self, **changes)


def _queue_of_pool(pool: object) -> str | None:
    """Return the default queue of arq's pool, unless it is arq's own, which a namespace replaces."""
    name = getattr(pool, "default_queue_name", None)
    return name if name != Keys().default_queue else None


def _attributes(source: object, names: list[str]) -> dict[str, Any]:
    if source is None:
        return {}
    if isinstance(source, Mapping):
        return {name: source[name] for name in names if name in source}
    if isinstance(source, list | tuple):
        return {"functions": source}
    if inspect.isroutine(source):
        name = source.__name__
        example = f"WorkerSettings with functions = [{name}]"
        raise SettingsError(
            f"{name} is a function: put it into a class, for example {example}, and give its name"
        )
    return {name: _attribute(source, name) for name in names if hasattr(source, name)}


def _warn_of_near_misses(source: object, names: list[str]) -> None:
    if source is None or isinstance(source, list | tuple | Settings):
        return
    for name in source if isinstance(source, Mapping) else dir(source):
        if not isinstance(name, str) or name in names or name.startswith("_"):
            continue
        for near in difflib.get_close_matches(name, names, n=1, cutoff=_NEAR):
            logger.warning("%s is not a setting of a worker and has no effect: did you mean %s?", name, near)


def _attribute(source: object, name: str) -> Any:
    """Read one attribute; a plain function in a class is returned unbound, not as a method."""
    if isinstance(source, type) and isinstance(inspect.getattr_static(source, name), property):
        raise SettingsError(
            f"{name} is a property, which has no value on the class itself: write {name} = … in "
            f"{source.__name__}, or pass an instance of it"
        )
    if not isinstance(source, type):
        plain = inspect.getattr_static(source, name)
        if isinstance(plain, FunctionType) and next(iter(inspect.signature(plain).parameters), "") != "self":
            return plain
    return getattr(source, name)
