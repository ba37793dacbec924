"""What arq's users import from `arq.connections`: a client of redis-py that enqueues and lists jobs."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from redis import exceptions as redis_errors
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.client import Pipeline, PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from jobgate.arq.enqueue_options import due, expiry
from jobgate.arq.errors import RedisOutcomeUnknown, SerializationError, translated
from jobgate.arq.job_records import Deserializer, JobDef, JobResult, Serializer, codec_of, job_def, job_result
from jobgate.arq.jobs import DEFAULT_QUEUE, Job
from jobgate.arq.pool_guard import PoolGuard
from jobgate.broker import (
    DEFAULT_NAMESPACE,
    Broker,
    JobOptions,
    JobRequest,
    QueuedJob,
    RedisSettings,
    Seconds,
    async_client,
    escape_record,
    new_job_id,
)
from jobgate.client import Home, InvalidOption, PerLoop, check_keywords

__all__ = ["ArqRedis", "RedisSettings", "create_pool"]

logger = logging.getLogger("jobgate.client")
logger.addFilter(escape_record)

#: Milliseconds after its due time in which a job must be started.
EXPIRES_EXTRA_MS = 86_400_000
#: Errors after which `create_pool` may try again to connect.
_UNREACHABLE = (OSError, redis_errors.RedisError, TimeoutError)

#: The options of `ArqRedis.enqueue_job`.
_OPTIONS = ("_job_id", "_queue_name", "_defer_until", "_defer_by", "_expires", "_job_try")


class ArqRedis(Redis):
    """A redis-py client with all of its commands, and arq's calls on top.

    Jobs are sent over separate connections to the same server as those of `pool_or_conn`, and of the same
    class where that is not redis-py's. Options such as `decode_responses`, RESP3, retries and timeouts apply
    only to your own commands.

    It may be used in one event loop after another, and after a fork: each time it opens new connections. In
    several loops at the same time only its calls about jobs work; your own commands raise RuntimeError in all
    but the first loop, before anything is sent.

    `job_serializer`, `job_deserializer`, `default_queue_name` and `expires_extra_ms` are attributes too, and
    may be set until the first job is enqueued or read.

    Args:
        pool_or_conn: A connection pool of redis-py, or a client whose pool is used; it is not closed with
            this one. None = connect as `kwargs` say.
        job_serializer: Your own function that serializes the dict of a job.
        job_deserializer: Your own function that deserializes the dict of a job or a result.
        default_queue_name: Name of the queue for jobs without `_queue_name`.
        expires_extra_ms: Milliseconds after its due time in which a job without `_expires` must be started.
        serializer: `json`, `msgpack` or `pickle`, the same as that of the workers; used where you give no
            function of your own.
        namespace: Prefix of all keys.
        broker: A broker to use in place of its own; it is not closed with this client.
        kwargs: Arguments of `redis.asyncio.Redis`.

    Raises:
        InvalidOption: `serializer` is unknown, `namespace` cannot be used, or `pool_or_conn` is neither a
            client nor a connection pool whose connections can be copied.
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
        self._serializer = serializer
        self._namespace = namespace
        self._lent_broker = broker
        #: The event loop in which the lent broker works.
        self._lent_home = None if broker is None else Home.here_if_any()
        self._brokers = PerLoop(self._new_broker)
        self._guard = PoolGuard(self._lent_home)
        if pool_or_conn is not None:
            kwargs["connection_pool"] = _connection_pool_of(pool_or_conn)
        super().__init__(**kwargs)
        try:
            self._new_broker()  # nothing is opened yet
        except ValueError as error:
            raise InvalidOption(str(error)) from error

    @property
    def broker(self) -> Broker:
        """The broker for the running event loop; made when it is first used there."""
        if self._lent_broker is not None and self._lent_home in (None, Home.here()):
            return self._lent_broker
        return self._brokers.here()

    def _new_broker(self) -> Broker:
        lent = self._lent_broker
        return Broker(
            self.connection_pool if lent is None else lent.settings,
            codec=codec_of(self._serializer, self.job_serializer, self.job_deserializer),
            namespace=self._namespace,
            # Pickle is chosen to share Redis with an arq fleet, and trusts it as arq's own clients do.
            trust_pickle=self._serializer == "pickle",
        )

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command of your own.

        Raises:
            RuntimeError: The client is in use in another event loop. Nothing was sent.
        """
        self._guard.enter(self.connection_pool)
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Return a pipeline for the running event loop."""
        self._guard.enter(self.connection_pool)
        return super().pipeline(transaction, shard_hint)

    def pubsub(self, **options: Any) -> PubSub:
        """Return a pub/sub object for the running event loop."""
        self._guard.enter(self.connection_pool)
        return super().pubsub(**options)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close its own connections; a connection pool that was passed in stays open."""
        self._brokers.drop_gone()
        if (broker := self._brokers.take()) is not None:
            await broker.close()
        self._guard.enter(self.connection_pool)
        await super().aclose(close_connection_pool)

    async def close(self, close_connection_pool: bool | None = None) -> None:
        """Do what `aclose` does. redis-py deprecates this name, but arq's users call it."""
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
        """Enqueue a job that runs `function(ctx, *args, **kwargs)` in a worker.

        Args:
            function: Name of the function.
            args: Its arguments after `ctx`.
            _job_id: Id of the job; None or empty = random.
            _queue_name: Name of the queue; None = `default_queue_name`.
            _defer_until: When the job is due. A naive datetime is local time; one in the past means now.
            _defer_by: Time from now until the job is due; seconds or a timedelta.
            _expires: Time from now within which the job must be started; None or 0 = `expires_extra_ms` after
                its due time.
            _job_try: Number of its first try; None = 1.
            kwargs: Its keyword arguments.

        Returns:
            The job; None if a job or a result with this id exists. Then nothing was changed.

        Raises:
            BothDeferrals: `_defer_until` and `_defer_by` are both given.
            SerializationError: The arguments cannot be serialized; nothing was enqueued.
            OutcomeUnknown: The answer was lost, and the job may exist; its id is the error's `job_id`.
            GatewayUnavailable: Redis cannot be used now. Like OutcomeUnknown, it is also a ConnectionError.
            InvalidRequest: An option is out of range.
            InvalidOption: An option has a wrong type, or a keyword begins with `_` and is not an option.
        """
        check_keywords(kwargs, _OPTIONS)
        request = JobRequest(
            function=function,
            args=args,
            kwargs=kwargs,
            job_id=_job_id or new_job_id(),
            id_is_made=not _job_id,
            options=JobOptions(queue=self.default_queue_name if _queue_name is None else _queue_name),
            first_try=_job_try if _job_try and _job_try > 0 else None,
            **due(_defer_until, _defer_by),
            **expiry(_expires, self.expires_extra_ms),
        )
        return await self._enqueue(request)

    async def queued_jobs(self, *, queue_name: str | None = None) -> list[JobDef]:
        """Return the waiting and the running jobs of a queue, ordered by due time.

        Jobs that have expired are left out. So are jobs that cannot be deserialized, with a warning.

        Args:
            queue_name: Name of the queue; None = `default_queue_name`.
        """
        found: dict[str, QueuedJob] = {}
        cursor = None
        while cursor != "":
            with translated():
                page = await self.broker.queued_jobs(
                    queue_name or self.default_queue_name, cursor=cursor or ""
                )
            found.update((job.job_id, job) for job in page.jobs)
            cursor = page.cursor
        jobs = sorted(found.values(), key=attrgetter("score_ms", "job_id"))
        _warn("queued jobs", [job.job_id for job in jobs if job.body is None and not job.is_lost])
        return [job_def(job.body, job.job_id, job.score_ms) for job in jobs if job.body is not None]

    async def all_job_results(self) -> list[JobResult]:
        """Return the results in Redis, of all queues, in the order in which their jobs were enqueued.

        Results that cannot be deserialized are left out, with a warning.
        """
        found: dict[str, JobResult] = {}
        unreadable: dict[str, None] = {}
        cursor = None
        while cursor != "":
            with translated():
                page = await self.broker.results(cursor=cursor or "")
            found.update((result.job_id, job_result(result)) for result in page.results)
            unreadable.update(dict.fromkeys(page.unreadable))
            cursor = page.cursor
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
            text = f"Job {job_id!r} may or may not exist: enqueue it again with this id."
            raise RedisOutcomeUnknown(text, job_id=job_id) from error.__cause__
        if not enqueued.created:
            return None
        return Job(job_id, self, _queue_name=enqueued.queue, _deserializer=self.job_deserializer)


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
        settings_: Where Redis is: RedisSettings, also arq's own, or a URL; None = localhost:6379.
        retry: How many of the settings' `conn_retries` are used up already.
        job_serializer: As in `ArqRedis`, like all that follow.
        job_deserializer: Your own function that deserializes.
        default_queue_name: Name of the queue for jobs without `_queue_name`.
        expires_extra_ms: Milliseconds after its due time in which a job must be started.
        serializer: `json`, `msgpack`, or `pickle` while stock arq workers or clients share the Redis.
        namespace: Prefix of all keys.

    Raises:
        redis.exceptions.RedisError: Redis does not answer, or refuses the connection.
        InvalidOption: An argument is wrong.
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
    pool.auto_close_connection_pool = True  # nothing else uses it
    try:
        await _reach(pool, settings, max(settings.conn_retries - retry, 0))
    except BaseException:
        await pool.aclose()
        raise
    return pool


async def _reach(pool: ArqRedis, settings: RedisSettings, retries: int) -> None:
    """Return when Redis answers; raise the last error when the retries are used up."""
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
            if left < settings.conn_retries:  # not at the first try, as in arq
                logger.info("redis connection successful")
            return


def _arq_options(settings: RedisSettings) -> dict[str, Any]:
    """Return options for the user's own commands, as in arq: no timeout, and the retries of the settings."""
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
        raise InvalidOption("pool_or_conn must be a ConnectionPool or a Redis of redis.asyncio")
    return pool


def _warn(what: str, ids: Sequence[str]) -> None:
    if ids:
        logger.warning("%d %s cannot be read and are skipped, the first is %r", len(ids), what, ids[0])
