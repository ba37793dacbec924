"""What arq's users import from `arq.connections`: a client of redis-py that enqueues jobs and lists them."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from redis import exceptions as redis_errors
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.client import Pipeline, PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from jobgate.arq.errors import BothDeferrals, RedisOutcomeUnknown, SerializationError, translated
from jobgate.arq.job_records import Deserializer, JobDef, JobResult, Serializer, codec_of, job_def, job_result
from jobgate.arq.jobs import DEFAULT_QUEUE, Job
from jobgate.broker import (
    DEFAULT_NAMESPACE,
    Broker,
    JobOptions,
    JobRequest,
    QueuedJob,
    RedisSettings,
    async_client,
    escape_record,
    new_job_id,
    settings_of,
    why_not_namespace,
)
from jobgate.client import Guard, Home, InvalidOption, PerLoop, check_keywords

__all__ = ["ArqRedis", "RedisSettings", "create_pool"]

logger = logging.getLogger("jobgate.client")
logger.addFilter(escape_record)

#: How long a job may be started after its due time, in ms.
EXPIRES_EXTRA_MS = 86_400_000
#: What ends a try of `create_pool` to connect; the last may be made again and again.
_UNREACHABLE = (OSError, redis_errors.RedisError, TimeoutError)

Seconds = float | timedelta
#: The options of `ArqRedis.enqueue_job`.
_OPTIONS = ("_job_id", "_queue_name", "_defer_until", "_defer_by", "_expires", "_job_try")


class ArqRedis(Redis):
    """A client of redis-py for all of its commands, and arq's calls on top.

    Jobs travel over connections of the broker's own, of the same kind and to the same place as those of
    `pool_or_conn`, and of your class where that is not redis-py's. What they are set to (`decode_responses`,
    RESP3, retries, timeouts) matters to your own commands alone.

    It may be used in one event loop after another, and after a fork: each time new connections are opened. In
    several loops at the same time only its calls about jobs work; your own commands then raise RuntimeError
    in all but the first, before anything is sent.

    The attributes of arq's names may be set until the first job is enqueued or asked for.

    Args:
        pool_or_conn: a connection pool of redis-py, or a client whose pool is used; it is not closed with
            this one. None = `kwargs` say where to connect.
        job_serializer: your own function that writes the dict of a job.
        job_deserializer: your own function that reads the dict of a job or a result.
        default_queue_name: the queue that is used when none is named.
        expires_extra_ms: ms after the due time in which a job must be started, unless it has `_expires`.
        serializer: `json`, `msgpack` or `pickle`; the one that the workers use. Your own functions win.
        namespace: first part of all key names.
        broker: a broker to use instead of one of its own; it is not closed with this one.
        kwargs: arguments of `redis.asyncio.Redis`.

    Raises:
        InvalidOption: `serializer` is unknown, `namespace` cannot be used, `pool_or_conn` is not a pool or a
            client, or it is a pool that makes connections in a way of its own.
    """

    def __init__(
        self,
        pool_or_conn: ConnectionPool | Redis | None = None,
        job_serializer: Serializer | None = None,
        job_deserializer: Deserializer | None = None,
        default_queue_name: str = DEFAULT_QUEUE,
        expires_extra_ms: int = EXPIRES_EXTRA_MS,
        *,
        serializer: str = "json",
        namespace: str = DEFAULT_NAMESPACE,
        broker: Broker | None = None,
        **kwargs: Any,
    ) -> None:
        self.job_serializer = job_serializer
        self.job_deserializer = job_deserializer
        self.default_queue_name = default_queue_name
        self.expires_extra_ms = expires_extra_ms
        self._serializer = _checked_serializer(serializer)
        self._namespace = _checked_namespace(namespace)
        self._lent_broker = broker
        #: Where the lent broker works.
        self._lent_home = None if broker is None else Home.here_if_any()
        self._brokers = PerLoop(self._new_broker)
        self._guard = Guard(self._lent_home)
        if pool_or_conn is not None:
            kwargs["connection_pool"] = _connection_pool_of(pool_or_conn)
        super().__init__(**kwargs)
        if broker is None:
            _check(self.connection_pool)

    @property
    def broker(self) -> Broker:
        """The broker that carries the jobs in the running event loop; made when it is first used there."""
        if self._lent_broker is not None and self._lent_home in (None, Home.here()):
            return self._lent_broker
        return self._brokers.here()

    def _new_broker(self) -> Broker:
        lent = self._lent_broker
        return Broker(
            self.connection_pool if lent is None else lent.settings,
            codec=codec_of(self._serializer, self.job_serializer, self.job_deserializer),
            namespace=self._namespace,
            # Whoever says pickle shares Redis with an arq fleet and trusts it as arq's own clients do.
            trust_pickle=self._serializer == "pickle",
        )

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command. Raises RuntimeError, before, in another event loop while the first is open."""
        self._guard.enter(self.connection_pool)
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Return a pipeline, for the running event loop."""
        self._enter_if_in_loop()
        return super().pipeline(transaction, shard_hint)

    def pubsub(self, **options: Any) -> PubSub:
        """Return a subscription, for the running event loop."""
        self._enter_if_in_loop()
        return super().pubsub(**options)

    def _enter_if_in_loop(self) -> None:
        if Home.here_if_any() is not None:  # else what is made binds to no loop yet
            self._guard.enter(self.connection_pool)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close all connections of its own; a connection pool that was passed in stays open."""
        self._brokers.leave_those_gone()
        if (broker := self._brokers.take()) is not None:
            await broker.close()
        self._guard.enter(self.connection_pool)
        await super().aclose(close_connection_pool)

    async def close(self, close_connection_pool: bool | None = None) -> None:
        """Do what `aclose` does; redis-py calls this name deprecated, arq's users know it."""
        await self.aclose(close_connection_pool)

    async def enqueue_job(
        self,
        function: str,
        *args: Any,
        _job_id: str | None = None,
        _queue_name: str | None = None,
        _defer_until: datetime | None = None,
        _defer_by: Seconds | None = None,
        _expires: Seconds | None = None,
        _job_try: int | None = None,
        **kwargs: Any,
    ) -> Job | None:
        """Have `function(ctx, *args, **kwargs)` run in a worker.

        Args:
            function: Its name.
            args: Its arguments after `ctx`.
            _job_id: The job's id, no other's while its job or result exists. None or empty = random.
            _queue_name: Where to; None = `default_queue_name`.
            _defer_until: When it is due; a naive one is local time, one in the past means now.
            _defer_by: How long from now it is due; seconds or a timedelta, 0 = now.
            _expires: How long from now it may be started; None or 0 = `expires_extra_ms` after it is due.
            _job_try: Number of its first try; None = 1.
            kwargs: Its keyword arguments.

        Returns:
            The job; None when a job or a result of this id exists, then nothing was changed.

        Raises:
            BothDeferrals: a RuntimeError: `_defer_until` and `_defer_by` are both given.
            SerializationError: the arguments cannot be written; nothing was enqueued.
            OutcomeUnknown: the answer was lost, the job may exist; its id is the error's `job_id`.
            GatewayUnavailable: Redis cannot do it now. This and OutcomeUnknown are also redis-py's
                ConnectionError.
            InvalidRequest: an option is out of range.
            InvalidOption: a keyword begins with `_` and is not one of these options.
        """
        check_keywords(kwargs, _OPTIONS)
        request = JobRequest(
            function=function,
            args=args,
            kwargs=kwargs,
            job_id=_job_id or new_job_id(),
            options=JobOptions(queue=self.default_queue_name if _queue_name is None else _queue_name),
            first_try=_job_try if _job_try and _job_try > 0 else None,
            **_due(_defer_until, _defer_by),
            **self._expiry(_expires),
        )
        return await self._enqueue(request)

    async def queued_jobs(self, *, queue_name: str | None = None) -> list[JobDef]:
        """Return the jobs that wait or run in a queue, by default `default_queue_name`, the next one first.

        Jobs that have expired or cannot be read are left out, and the log tells which.
        """
        found: dict[str, QueuedJob] = {}
        cursor, more = "", True
        while more:
            with translated():
                page = await self.broker.queued_jobs(queue_name or self.default_queue_name, cursor=cursor)
            found.update((job.job_id, job) for job in page.jobs)
            cursor, more = page.cursor, bool(page.cursor)
        jobs = sorted(found.values(), key=attrgetter("score_ms", "job_id"))
        _warn("queued jobs", [job.job_id for job in jobs if job.body is None and not job.is_lost])
        return [job_def(job.body, job.job_id, job.score_ms) for job in jobs if job.body is not None]

    async def all_job_results(self) -> list[JobResult]:
        """Return all results that Redis holds, of all queues, the job that was enqueued first first.

        Those that cannot be read are left out, and the log tells which.
        """
        found: dict[str, JobResult] = {}
        unreadable: dict[str, None] = {}
        cursor, more = "", True
        while more:
            with translated():
                page = await self.broker.results(cursor=cursor)
            found.update((result.job_id, job_result(result)) for result in page.results)
            unreadable.update(dict.fromkeys(page.unreadable))
            cursor, more = page.cursor, bool(page.cursor)
        _warn("results", list(unreadable))
        return sorted(found.values(), key=attrgetter("enqueue_time", "job_id"))

    async def _enqueue(self, request: JobRequest) -> Job | None:
        job_id = str(request.job_id)
        try:
            with translated():
                enqueued = await self.broker.enqueue(request)
        except SerializationError as error:
            text = f'unable to serialize job "{request.function}": {error}'
            raise SerializationError(text) from error.__cause__
        except RedisOutcomeUnknown as error:
            text = f"It is not known whether job {job_id!r} exists: enqueue it again with this id."
            raise RedisOutcomeUnknown(text, job_id=job_id) from error.__cause__
        if not enqueued.created:
            return None
        return Job(job_id, self, _queue_name=enqueued.queue, _deserializer=self.job_deserializer)

    def _expiry(self, expires: Seconds | None) -> dict[str, Any]:
        seconds = _in_seconds("_expires", expires)
        if seconds:
            return {"expires": seconds, "expires_from_now": True}
        return {"expires": self.expires_extra_ms / 1000}


async def create_pool(
    settings_: RedisSettings | str | None = None,
    *,
    retry: int = 0,
    job_serializer: Serializer | None = None,
    job_deserializer: Deserializer | None = None,
    default_queue_name: str = DEFAULT_QUEUE,
    expires_extra_ms: int = EXPIRES_EXTRA_MS,
    serializer: str = "json",
    namespace: str = DEFAULT_NAMESPACE,
) -> ArqRedis:
    """Connect to Redis and return a pool; close it with `aclose`, or use it in an `async with`.

    Args:
        settings_: where Redis is: RedisSettings, arq's own too, or a URL; None = localhost:6379.
        retry: how many of the settings' `conn_retries` are used up already.
        job_serializer: as in `ArqRedis`, as all that follow.
        job_deserializer: your own function that reads.
        default_queue_name: the queue that is used when none is named.
        expires_extra_ms: ms after the due time in which a job must be started.
        serializer: `json`, `msgpack`, or `pickle` for a fleet that has stock arq workers or clients.
        namespace: first part of all key names.

    Raises:
        redis.exceptions.RedisError: Redis does not answer, or refuses.
        InvalidOption: an argument is wrong.
    """
    try:
        settings = RedisSettings.of(RedisSettings() if settings_ is None else settings_)
    except ValueError as error:
        raise InvalidOption(f"settings_ cannot be used: {error}") from error
    pool = ArqRedis(
        async_client(settings, **_arq_options(settings)).connection_pool,
        job_serializer,
        job_deserializer,
        default_queue_name,
        expires_extra_ms,
        serializer=serializer,
        namespace=namespace,
    )
    pool.auto_close_connection_pool = True  # it is nobody else's
    try:
        await _reach(pool, settings, max(settings.conn_retries - retry, 0))
    except BaseException:
        await pool.aclose()
        raise
    return pool


async def _reach(pool: ArqRedis, settings: RedisSettings, retries: int) -> None:
    """Return when Redis answers; raise what the last of the tries has raised."""
    for left in range(retries, -1, -1):
        try:
            await pool.ping()
        except _UNREACHABLE as error:
            if left == 0 or isinstance(error, redis_errors.AuthenticationError):
                raise
            logger.warning(
                "redis connection error %s %s %s, %d retries remaining...",
                settings.address, type(error).__name__, error, left,
            )  # fmt: skip
            await asyncio.sleep(settings.conn_retry_delay)
        else:
            if left < settings.conn_retries:  # as in arq: not at the first try
                logger.info("redis connection successful")
            return


def _arq_options(settings: RedisSettings) -> dict[str, Any]:
    """What the user's own commands get, as with arq: no time limit, and the retries of the settings."""
    again = [*(settings.retry_on_error or ())]
    if settings.retry_on_timeout:
        again.append(redis_errors.TimeoutError)
    options: dict[str, Any] = {"socket_timeout": None}
    if again:
        options |= {"retry_on_error": again, "retry": Retry(NoBackoff(), 1)}
    if settings.retry is not None:
        options["retry"] = settings.retry
    return options


def _connection_pool_of(value: object) -> Any:
    pool = getattr(value, "connection_pool", value)
    if not isinstance(getattr(pool, "connection_kwargs", None), Mapping):
        raise InvalidOption("pool_or_conn is a ConnectionPool or a Redis of redis.asyncio")
    return pool


def _checked_namespace(name: str) -> str:
    if wrong := why_not_namespace(name):
        raise InvalidOption(wrong)
    return name


def _check(pool: Any) -> None:
    """Raise InvalidOption, before anything is sent, where jobs cannot travel as this pool's commands do."""
    try:
        settings_of(pool)
    except ValueError as error:
        raise InvalidOption(str(error)) from error


def _checked_serializer(name: str) -> str:
    try:
        codec_of(name, None, None)
    except ValueError as error:
        raise InvalidOption(str(error)) from error
    return name


def _due(until: datetime | None, by: Seconds | None) -> dict[str, Any]:
    """Return when a job is due, as the broker takes it."""
    if until and by:
        raise BothDeferrals
    if until is not None:
        if not isinstance(until, datetime):
            raise InvalidOption("_defer_until is a datetime")
        return {"defer_until_ms": int(until.timestamp() * 1000)}
    seconds = _in_seconds("_defer_by", by)
    if seconds < 0:
        # Due before those that wait already, as in arq.
        return {"defer_until_ms": time.time_ns() // 1_000_000 + int(seconds * 1000)}
    return {"defer_by": seconds}


def _in_seconds(name: str, value: Seconds | None) -> float:
    if value is None:
        return 0.0
    number: object = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, int | float) and abs(number) < float("inf"):
        return float(number)
    raise InvalidOption(f"{name} is a number of seconds, or a timedelta")


def _warn(what: str, ids: Sequence[str]) -> None:
    if ids:
        logger.warning("%d %s cannot be read and are skipped, the first is %r", len(ids), what, ids[0])
