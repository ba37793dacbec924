"""The client, which calls functions that run in a worker."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from os import PathLike
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jobgate.client.addresses import shown, transport_for
from jobgate.client.callers import Caller, JobHandle
from jobgate.client.info import QueueEvent
from jobgate.client.metrics import metrics_of
from jobgate.client.network import Network
from jobgate.client.operate import Operator
from jobgate.client.requests import Seconds, check_job_id, check_name, seconds

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Client(Caller, Operator):
    """Calls the functions of workers, through a gateway or directly through Redis.

    ```python
    async with Client("http://127.0.0.1:8080") as client:
        words = await client.call("count_words", "README.md", _timeout=5)
        job = await client.enqueue("slow_report", 30, _defer_by=60)
        print(await job.status(), await job.result(timeout=120))
    ```

    Where a function can be imported, `client.call(count_words, "README.md")` checks its arguments and knows
    the type of its result. Options of such calls are given to `with_options`.

    One client serves any number of concurrent calls. It may be used in several event loops and after a fork:
    each loop has its own connections, and `close` closes those of the loop in which it is called. A request
    is retried when its answer was lost. Its job has an id from the start, so a retry never runs it twice.

    Args:
        url: `http://` or `https://` for a gateway, with its base path if it has one, or `http+unix://` with
            the percent-encoded path of its Unix socket; `redis://`, `rediss://`, `unix://` or
            `redis+sentinel://` for Redis itself.
        key: API key, sent to the gateway as `Authorization: Bearer`; None = none.
        timeout: How long `call`, `JobHandle.result` and `JobHandle.abort` wait by default: seconds or a
            timedelta, None = for ever.
        request_timeout: For how long a request is retried while the other side is unavailable: seconds
            or a timedelta.
        max_connections: Largest number of connections to the gateway; each waiting call holds one.
        serializer: With Redis: `json` (default), `msgpack` or `pickle`, the same as that of the workers.
        namespace: With Redis: the prefix of all keys, `arq` by default.
        proxy: HTTP proxy between client and gateway: `http://proxy.example.com:3128`, with user and password
            if it wants them.
        ca_file: For `https://`: a file with the CAs that are trusted, in PEM form, in place of the system's.
        ssl: The same as an `SSLContext`, for example with a client certificate.
        trust_env: Whether the variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY name the proxy, unless `proxy`
            does.
        registry: Prometheus registry for the client's metrics; None = the default registry.

    Raises:
        InvalidOption: An argument is wrong.
        MissingExtra: The packages for Redis are not installed.
    """

    def __init__(  # noqa: PLR0913 - these are its users' options
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
        self._shown = shown(url)
        metrics = metrics_of(registry)
        wait = seconds("timeout", timeout)
        transport = transport_for(
            url,
            key=key,
            request_timeout=seconds("request_timeout", request_timeout) or 0.0,
            max_connections=max_connections,
            serializer=serializer,
            namespace=namespace,
            metrics=metrics,
            network=Network(proxy=proxy, ca_file=ca_file, ssl=ssl, trust_env=trust_env),
        )
        super().__init__(transport, metrics, timeout=wait)
        self._operations = transport.operations

    def __repr__(self) -> str:
        return f"Client({self._shown!r})"

    async def __aenter__(self) -> Self:
        """Open the client. Nothing is sent yet: the other side need not be up before the first call."""
        await self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections, unless another block has the client open. Jobs are not affected."""
        await self._transport.leave()

    async def close(self) -> None:
        """Close the connections. Jobs are not affected. Safe to call twice."""
        await self._transport.close()

    def job(self, job_id: str, *, queue: str | None = None) -> JobHandle[Any]:
        """Return a handle on a job by its id; nothing is sent.

        Args:
            job_id: Id of the job.
            queue: Needed only with Redis, for jobs that stock arq put into a queue other than the default.
        """
        return JobHandle(self._transport, check_job_id(job_id), queue=queue, timeout=self._timeout)

    async def events(
        self, *, queue: str | None = None, function: str | None = None
    ) -> AsyncGenerator[QueueEvent, None]:
        """Yield what happens to the jobs that this client may see; it has no end.

        Whatever is too much to be shown is left out, and a `gap` says so; also after a lost connection, which
        is replaced. To wait for certain jobs use `JobHandle.events` or `JobHandle.result`.

        Args:
            queue: The only queue that is shown; None = all that are in use.
            function: The only function; None = all.

        Raises:
            GatewayUnavailable: The other side was unavailable for longer than `request_timeout`.
        """
        for what, name in (("queue", queue), ("function", function)):
            if name is not None:
                check_name(what, name)
        async with aclosing(self._transport.feed(queue, function)) as events:
            async for event in events:
                yield event
