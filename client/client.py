"""The client: functions are called by name and run in a worker."""

from datetime import datetime
from types import TracebackType
from typing import Any, Self

from prometheus_client import CollectorRegistry

from jobgate.client.addresses import Connection, shown, transport_for
from jobgate.client.job_handle import JobHandle
from jobgate.client.metrics import metrics_of
from jobgate.client.requests import (
    Default,
    JobRequest,
    Seconds,
    Timeout,
    check_job_id,
    job_options,
    job_request,
    seconds,
    waiting_time,
)


class Client:
    """Calls functions that workers offer, through a gateway or straight through Redis.

    ```python
    async with Client("http://127.0.0.1:8080") as client:
        words = await client.call("count_words", "README.md", _timeout=5)
        job = await client.enqueue("slow_report", 30, _defer_by=60)
        print(await job.status(), await job.result(timeout=120))
    ```

    One client serves any number of calls at the same time, in one event loop or several, and after a fork:
    each loop has connections of its own, and `close` closes those of the loop that it is called in. A request
    whose answer was lost is repeated; a call carries its own id, so that it never runs twice for that reason.

    Args:
        url: Where to: `http://` or `https://` for a gateway, with a path where it stands behind one;
            `redis://`, `rediss://`, `unix://` or `redis+sentinel://` for Redis itself.
        key: Sent to the gateway as `Authorization: Bearer`; None = none.
        timeout: How long `call`, `JobHandle.result` and `JobHandle.abort` wait by default: seconds or a
            timedelta, None = for ever.
        request_timeout: For how many seconds one request is repeated while the other side is away.
        max_connections: Connections to a gateway at one time; a waiting call holds one.
        serializer: With Redis: `json` (default), `msgpack` or `pickle`; the one that the workers use.
        namespace: With Redis: the prefix of all keys, by default `arq`.
        registry: Where the metrics are registered; None = prometheus_client's default registry.

    Raises:
        InvalidOption: An argument is wrong.
        MissingExtra: The packages for Redis are not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: Seconds | None = 60.0,
        request_timeout: Seconds = 15.0,
        max_connections: int = 256,
        serializer: str | None = None,
        namespace: str | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._shown = shown(url)
        self._timeout = seconds("timeout", timeout)
        self._metrics = metrics_of(registry)
        self._transport = transport_for(
            Connection(
                url=url,
                key=key,
                request_timeout=seconds("request_timeout", request_timeout) or 0.0,
                max_connections=max_connections,
                serializer=serializer,
                namespace=namespace,
            ),
            self._metrics,
        )

    def __repr__(self) -> str:
        return f"Client({self._shown!r})"

    async def __aenter__(self) -> Self:
        """Open the client. Nothing is sent: the other side need not be up before the first call."""
        try:
            await self._transport.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all connections; jobs go on."""
        await self.close()

    async def close(self) -> None:
        """Close all connections; jobs go on. Calling again does nothing."""
        await self._transport.close()

    async def call(
        self,
        function: str,
        /,
        *args: Any,
        _timeout: Timeout = Default.TIMEOUT,
        _job_id: str | None = None,
        _queue: str | None = None,
        _expires: Seconds | None = None,
        _max_tries: int | None = None,
        _keep_result: Seconds | None = None,
        _run_timeout: Seconds | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run `function(*args, **kwargs)` in a worker and return its result.

        `_timeout` is how long to wait for it: seconds or a timedelta, None = for ever; at its end the job
        goes on. The other options are those of `enqueue`; a result that is not kept is handed over.

        Raises:
            JobFailed: The job failed for good; JobAborted when somebody stopped it.
            ResultTimeout: There was no result in time.
            GatewayUnavailable: The call could not be made; OutcomeUnknown when it may have been.
            JobgateError: For all else, as in `enqueue`.
        """
        options = job_options(
            job_id=_job_id,
            queue=_queue,
            expires=_expires,
            max_tries=_max_tries,
            keep_result=_keep_result,
            run_timeout=_run_timeout,
        )
        request = job_request(function, args, kwargs, options)
        return await self._call(request, waiting_time("_timeout", _timeout, self._timeout))

    async def enqueue(
        self,
        function: str,
        /,
        *args: Any,
        _job_id: str | None = None,
        _queue: str | None = None,
        _defer_by: Seconds | None = None,
        _defer_until: datetime | None = None,
        _expires: Seconds | None = None,
        _max_tries: int | None = None,
        _keep_result: Seconds | None = None,
        _run_timeout: Seconds | None = None,
        **kwargs: Any,
    ) -> JobHandle:
        """Have `function(*args, **kwargs)` run in a worker; durations are seconds or timedeltas.

        `_job_id`: 1 to 128 of `A-Z a-z 0-9 _ . ~ -`, default 128 random bits. `_defer_by` or `_defer_until`:
        when it is due (naive = local time). `_expires`: how long after that it must start, default 24 h.
        `_max_tries`, `_run_timeout`, `_keep_result` (0 = not at all): default the function's or the worker's.

        Raises:
            JobExists: `_job_id` belongs to a job already; the error's `job` is a handle on it.
            UnknownFunction: Workers are there and none offers the function.
            InvalidArguments: They do not fit it, or cannot be sent.
            GatewayUnavailable: It could not be enqueued; OutcomeUnknown when it may have been.
            JobgateError: For all else, see `jobgate.client.errors`.
        """
        options = job_options(
            job_id=_job_id,
            queue=_queue,
            defer_by=_defer_by,
            defer_until=_defer_until,
            expires=_expires,
            max_tries=_max_tries,
            keep_result=_keep_result,
            run_timeout=_run_timeout,
        )
        return await self._enqueue(job_request(function, args, kwargs, options))

    def job(self, job_id: str, *, queue: str | None = None) -> JobHandle:
        """Return a handle on a job by its id; nothing is asked.

        Args:
            job_id: The job's id.
            queue: With Redis, for jobs that stock arq enqueued elsewhere than in the default queue.
        """
        return JobHandle(self._transport, check_job_id(job_id), queue=queue, timeout=self._timeout)

    async def _call(self, request: JobRequest, timeout: float | None) -> Any:
        with self._metrics.call(request.function), self._handle(request, acknowledged=True).named_in_errors():
            outcome = await self._transport.call(request, timeout)
            return outcome.value()

    async def _enqueue(self, request: JobRequest) -> JobHandle:
        job = self._handle(request)
        with self._metrics.enqueue(request.function), job.named_in_errors():
            job.queue = await self._transport.enqueue(request)
        return self._handle(request, queue=job.queue, acknowledged=True)

    def _handle(
        self, request: JobRequest, *, queue: str | None = None, acknowledged: bool = False
    ) -> JobHandle:
        queue = queue or request.options.queue
        return JobHandle(
            self._transport, request.job_id, queue=queue, timeout=self._timeout, acknowledged=acknowledged
        )
