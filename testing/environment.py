"""What one test has to itself: a namespace in Redis, and the worker, clients and gateway that use it."""

import secrets
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from prometheus_client import CollectorRegistry

from jobgate.broker import Broker, EncodeError, Keys, WorkerRecord, joined
from jobgate.client import BlockingClient, Client
from jobgate.testing.jobs import jobs_of
from jobgate.testing.runs import ManualWorker, MovedTime
from jobgate.testing.servers import (
    CALL_TIMEOUT,
    SHARED_SERVER,
    ClientInTest,
    GatewayInTest,
    Keyspace,
    LoopThread,
)
from jobgate.worker import Settings, codec_of, load_settings

#: Seconds for which the functions of a test are announced: longer than a test.
_A_DAY = 86_400.0


class Environment:
    """A context manager, or `close`: what a test has in Redis is deleted at its end.

    ```python
    with Environment(WorkerSettings) as jobs:
        jobs.blocking_client.enqueue("add", 1, 2)
        assert jobs.worker.run_jobs_blocking()[0].result == 3
    ```

    The fixtures of pytest and `JobgateTestMixin` are made of it. One at a time: it moves the time of the
    process.

    Args:
        settings: The settings of the worker: a class or its import path, an instance, a dict, or a list of
            functions. None = no functions are known here: any name can be enqueued, and no job can be run.
        redis_url: Where Redis is; None = the embedded server that all tests of this process share.
        namespace: Prefix of all keys; None = a new one.
        overrides: Settings that override it.

    Raises:
        TestingError: The embedded server cannot be started, or the namespace or a queue of the settings is in
            use.
        SettingsError: A setting cannot be used.
        LoadError: The import path cannot be imported.
    """

    def __init__(
        self,
        settings: object = None,
        *,
        redis_url: str | None = None,
        namespace: str | None = None,
        **overrides: object,
    ) -> None:
        self.redis_url = redis_url or SHARED_SERVER.url()
        #: Prefix of all keys.
        self.namespace = namespace or f"test-{secrets.token_hex(4)}"
        given = {"redis_settings": self.redis_url, "namespace": self.namespace, "handle_signals": False}
        source = load_settings(settings) if isinstance(settings, str) else settings
        #: Those of the worker, checked.
        self.settings = Settings.of(source, **{"metrics_port": None, **given, **overrides})
        self._thread = LoopThread()
        try:
            self._broker, self._keyspace = self._thread.run(self._opened())
        except BaseException:
            self._thread.close()
            raise
        #: Runs jobs on request, and knows what was enqueued.
        self.worker = ManualWorker(
            self.settings,
            self._broker,
            self._keyspace,
            self._thread,
            MovedTime(self._broker, self._keyspace, self._announced),
        )

    async def _opened(self) -> tuple[Broker, Keyspace]:
        keys = Keys(self.namespace)
        broker = Broker(self.redis_url, codec=codec_of(self.settings), namespace=self.namespace)
        keyspace = Keyspace(self.redis_url, keys)
        try:
            await keyspace.check_empty()
            await keyspace.take_queues(self.settings.weights)
            await self._announce(broker)
        except BaseException:
            await keyspace.close()
            await broker.close()
            raise
        return broker, keyspace

    async def _announced(self) -> None:
        await self._announce(self._broker)

    async def _announce(self, broker: Broker) -> None:
        """Publish the functions, as a worker does: calls of others are refused, arguments are checked."""
        if not self.settings.functions:
            return
        try:
            digest, stored = joined(self._documents)
        except EncodeError:  # a worker publishes less then
            return
        record = WorkerRecord(
            worker_id="testing",
            host="",
            pid=0,
            queues=tuple(self.settings.weights),
            max_jobs=self.settings.max_jobs,
            in_progress=0,
            complete=0,
            failed=0,
            retried=0,
            start_time_ms=0,
            catalogue=digest,
        )
        await broker.publish(digest, stored)
        await broker.announce(record, ttl=_A_DAY, size=len(stored))

    @cached_property
    def _documents(self) -> list[bytes]:
        return [one.document.encode() for _, one in sorted(self.settings.resolved().items())]

    @cached_property
    def client(self) -> Client:
        """A client straight through Redis. It need not be closed."""
        client = ClientInTest(self.redis_url, namespace=self.namespace, serializer=self.settings.serializer)
        client.begin(self._thread)
        return client

    @cached_property
    def blocking_client(self) -> BlockingClient:
        """The same for code without an event loop."""
        return BlockingClient(
            self.redis_url,
            timeout=CALL_TIMEOUT,
            namespace=self.namespace,
            serializer=self.settings.serializer,
            registry=CollectorRegistry(),
        )

    @cached_property
    def gateway(self) -> GatewayInTest:
        """A gateway; its `url` is for clients of any language."""
        return self.gateway_with()

    def gateway_with(self, **options: Any) -> GatewayInTest:
        """Return a gateway with fields of `GatewaySettings`: a context manager, or the caller closes it.

        Raises:
            TestingError: It cannot start.
        """
        given = {"namespace": self.namespace, "serializer": self.settings.serializer, **options}
        return GatewayInTest(self.redis_url, **given)

    def close(self) -> None:
        """Stop everything, delete the keys of the test, and put the time back. Safe to call twice."""
        made = vars(self)
        if isinstance(gateway := made.pop("gateway", None), GatewayInTest):
            gateway.close()
        if isinstance(blocking := made.pop("blocking_client", None), BlockingClient):
            blocking.close()
        if isinstance(client := made.pop("client", None), ClientInTest):
            client.end()
        MovedTime.reset()
        if self._thread.is_open:
            self._thread.run(self._closed())
            self._thread.close()

    async def _closed(self) -> None:
        await jobs_of(self._broker, self._keyspace, ())  # notes their queues
        await self._keyspace.clear()
        await self._keyspace.close()
        await self._broker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
