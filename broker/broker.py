"""The broker: everything that gateway, worker and client need from Redis, one method each."""

import secrets
from typing import Self

from redis.asyncio import ConnectionPool, Redis

from jobgate.broker.bodies import Codec, Decoder, codec_named
from jobgate.broker.fleet import (
    ActivityPart,
    AnnouncePart,
    CataloguePart,
    CronRunPart,
    FunctionTimesPart,
    LiveFunctions,
    PausePart,
    QueuePart,
    WorkerPart,
)
from jobgate.broker.keys import DEFAULT_NAMESPACE, Keys
from jobgate.broker.link import DEFAULT_URL, Link, RedisSettings, async_client, settings_of, unnamed
from jobgate.broker.listing import FailedPart
from jobgate.broker.milliseconds import DEFAULT_LEASE
from jobgate.broker.part import DEFAULT_INDEX_LIMIT, Core
from jobgate.broker.scripts import script
from jobgate.broker.transitions import (
    AbortPart,
    ClaimPart,
    EnqueuePart,
    FinishPart,
    LeaseRenewer,
    ProgressPart,
    ReleasePart,
    RenewPart,
    RerunPart,
    RetryPart,
    renewer_of,
)
from jobgate.broker.views import (
    EndsPart,
    FinishedPart,
    ListPart,
    SchedulePart,
    ServerPart,
    ViewPart,
)
from jobgate.broker.waiting import ListenPart, WaitCountPart, WakePart, WatchPart


class Broker(
    EnqueuePart,
    ClaimPart,
    RenewPart,
    FinishPart,
    RetryPart,
    ReleasePart,
    ProgressPart,
    AbortPart,
    RerunPart,
    PausePart,
    AnnouncePart,
    CronRunPart,
    CataloguePart,
    SchedulePart,
    ViewPart,
    ListPart,
    FinishedPart,
    EndsPart,
    FailedPart,
    ActivityPart,
    FunctionTimesPart,
    QueuePart,
    WorkerPart,
    ServerPart,
    ListenPart,
    WatchPart,
    WaitCountPart,
    WakePart,
):
    """One process' access to one namespace of one Redis.

    Besides the errors that a method names, each may raise BrokerUnavailable (nothing happened) and
    BrokerMisconfigured; methods that write also raise WriteInDoubt (the answer was lost; the call may be
    repeated) and BrokerFull.

    Args:
        redis: Settings, a URL as `RedisSettings.from_dsn` takes it, or a client or connection pool of
            redis-py. The broker opens its own connections, of the same kind and to the same server.
        codec: How bodies are written: `json`, `msgpack`, `pickle`, or a codec of your own.
        namespace: Prefix of all key names.
        deadline: Seconds for one operation, including its retries.
        trust_pickle: Unpickle fully. This runs code chosen by anyone who can write to Redis: only for workers
            and clients that are set to `pickle`.
        index_limit: Number of finished jobs of a queue, and of failed ones, that can be listed; the oldest
            are left out. Their results can still be read by id.
    """

    def __init__(
        self,
        redis: RedisSettings | str | Redis | ConnectionPool = DEFAULT_URL,
        *,
        codec: Codec | str = "json",
        namespace: str = DEFAULT_NAMESPACE,
        deadline: float = 5.0,
        trust_pickle: bool = False,
        index_limit: int = DEFAULT_INDEX_LIMIT,
    ) -> None:
        self.settings = settings_of(redis)
        self.codec = codec_named(codec) if isinstance(codec, str) else codec
        # The link's own deadline covers everything; redis-py's costs a task for each command.
        redis_client = async_client(self.settings, socket_timeout=None, **unnamed())
        link = Link(redis_client, deadline=deadline, address=self.settings.address)
        core = Core(link, Keys(namespace), self.codec, Decoder(self.codec, trust_pickle), index_limit)
        super().__init__(core)
        #: The data set that Redis held when this process last looked.
        self.data_set = self._core.data_set
        #: The functions of live workers, as this process has seen them.
        self.live_functions = LiveFunctions(self.workers, self.catalogue)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(self, *, timeout: float | None = None) -> int:
        """Check that Redis runs scripts; return its time in unix milliseconds.

        Args:
            timeout: Seconds, if fewer than the broker's deadline.
        """
        return int(await self._core.link.read(script("check"), [], [], timeout=timeout))

    async def close(self) -> None:
        """Wait for pending calls, then close all connections. Safe to call twice."""
        await self._drain()
        await self._core.link.close()
        self._core.decoder.close()

    async def mark_data_set(self) -> None:
        """Read the name of the data set that Redis holds, or give it one; a change is logged."""
        name = await self._core.link.run(script("data_set"), [self.keys.epoch], [secrets.token_hex(16)])
        self.data_set.note(name)

    def lease_renewer(self, lease: float = DEFAULT_LEASE) -> LeaseRenewer:
        """Return a renewer with its own connection, for use in a thread.

        Args:
            lease: Seconds that the leases last.
        """
        return renewer_of(self.settings, self.keys, lease)
