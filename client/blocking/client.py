"""The client for programs without an event loop."""

from collections.abc import Generator
from os import PathLike
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jobgate.client.blocking.caller import BlockingCaller
from jobgate.client.blocking.iteration import iterate
from jobgate.client.blocking.job_handle import BlockingJobHandle
from jobgate.client.blocking.operator import BlockingOperator
from jobgate.client.blocking.portal import Portal
from jobgate.client.client import Client
from jobgate.client.info import QueueEvent
from jobgate.client.requests import Seconds

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class BlockingClient(BlockingCaller, BlockingOperator):
    """Calls the functions of workers, like `Client`, from code that does not use asyncio.

    ```python
    client = BlockingClient("http://127.0.0.1:8080")
    words = client.call("count_words", "README.md", _timeout=5)
    ```

    Create one for the program. All threads may use it, also one that runs an event loop, and forks of it:
    each process has its own connections. They are closed by `close`, at the end of a `with`, when the client
    is no longer used, or with the process. An exception that interrupts a waiting call, such as
    KeyboardInterrupt, ends the wait; the job keeps running.

    Args:
        url: As in `Client`; the others likewise.
        key: API key for the gateway.
        timeout: How long `call`, `BlockingJobHandle.result` and `BlockingJobHandle.abort` wait by default.
        request_timeout: For how long a request is retried.
        max_connections: Largest number of connections to the gateway.
        serializer: With Redis: `json` (default), `msgpack` or `pickle`.
        namespace: With Redis: the prefix of all keys.
        proxy: HTTP proxy between client and gateway.
        ca_file: For `https://`: a file with the CAs that are trusted.
        ssl: The same as an `SSLContext`.
        trust_env: Whether variables of the environment name the proxy.
        registry: Prometheus registry for the client's metrics.

    Raises:
        InvalidOption: An argument is wrong.
        MissingExtra: The packages for Redis are not installed.
    """

    _client: Client

    def __init__(  # noqa: PLR0913 - the arguments of Client
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: Seconds | None = 60.0,
        request_timeout: Seconds = 15.0,
        max_connections: int = 256,
        serializer: str | None = None,
        namespace: str | None = None,
        proxy: str | None = None,
        ca_file: str | PathLike[str] | None = None,
        ssl: SSLContext | None = None,
        trust_env: bool = False,
        registry: "CollectorRegistry | None" = None,
    ) -> None:
        self._client = Client(
            url,
            key=key,
            timeout=timeout,
            request_timeout=request_timeout,
            max_connections=max_connections,
            serializer=serializer,
            namespace=namespace,
            proxy=proxy,
            ca_file=ca_file,
            ssl=ssl,
            trust_env=trust_env,
            registry=registry,
        )
        super().__init__(Portal(self._client), self._client)

    def __repr__(self) -> str:
        return f"Blocking{self._client!r}"

    def __enter__(self) -> Self:
        """Allow calls, also after `close`. Nothing is sent yet."""
        self._portal.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Close the connections; calls of other threads raise ClientClosed. Jobs are not affected.

        Safe to call twice. In a forked process it closes only that process's own connections.
        """
        self._portal.close()

    def job(self, job_id: str, *, queue: str | None = None) -> BlockingJobHandle[Any]:
        """Return a handle on a job by its id; nothing is sent. See `Client.job`."""
        return BlockingJobHandle(self._portal, self._client.job(job_id, queue=queue))

    def events(
        self, *, queue: str | None = None, function: str | None = None
    ) -> Generator[QueueEvent, None, None]:
        """Yield what happens to the jobs that this client may see; it has no end. See `Client.events`."""
        return iterate(self._portal.run, self._client.events(queue=queue, function=function))
