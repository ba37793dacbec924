"""The client, which calls functions by name; they run in a worker."""

from datetime import datetime
from types import TracebackType
from typing import Any, Self

from prometheus_client import REGISTRY, CollectorRegistry

from jobgate.client.addresses import shown, transport_for
from jobgate.client.job_handle import JobHandle
from jobgate.client.metrics import metrics_of
from jobgate.client.requests import (
    Default,
    NewJob,
    Seconds,
    Timeout,
    check_job_id,
    job_options,
    new_job,
    seconds,
    waiting_time,
)


class Client:
    """Calls the functions of workers, through a gateway or directly through Redis.

    ```python
    async with Client("http://127.0.0.1:8080") as client:
        words = await client.call("count_words", "README.md", _timeout=5)
        job = await client.enqueue("slow_report", 30, _defer_by=60)
        print(await job.status(), await job.result(timeout=120))
    ```

    One client serves any number of concurrent calls. It may be used in several event loops and after a fork:
    each loop has its own connections, and `close` closes those of the loop in which it is called. A request
    is retried when its answer was lost. Its job has an id from the start, so a retry never runs it twice.

    Args:
        url: `http://` or `https://` for a gateway, with the path of its proxy if there is one; `redis://`,
            `rediss://`, `unix://` or `redis+sentinel://` for Redis itself.
        key: API key, sent to the gateway as `Authorization: Bearer`; None = none.
        timeout: How long `call`, `JobHandle.result` and `JobHandle.abort` wait by default: seconds or a
            timedelta, None = for ever.
        request_timeout: For how long a request is retried while the other side is unavailable: seconds
            or a timedelta.
        max_connections: Largest number of connections to the gateway; each waiting call holds one.
        serializer: With Redis: `json` (default), `msgpack` or `pickle`, the same as that of the workers.
        namespace: With Redis: the prefix of all keys, `arq` by default.
        registry: Prometheus registry for the client's metrics; None = the default registry.

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
        self._metrics = metrics_of(registry or REGISTRY)
        self._transport = transport_for(
            url,
            key=key,
            request_timeout=seconds("request_timeout", request_timeout) or 0.0,
            max_connections=max_connections,
            serializer=serializer,
            namespace=namespace,
            metrics=self._metrics,
        )

    def __repr__(self) -> str:
        return f"Client({self._shown!r})"

    async def __aenter__(self) -> Self:
        """Open the client. Nothing is sent yet: the other side need not be up before the first call."""
        await self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections. Jobs are not affected."""
        await self.close()

    async def close(self) -> None:
        """Close the connections. Jobs are not affected. Safe to call twice."""
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

        `_timeout` is how long to wait: seconds or a timedelta, None = for ever. The job keeps running after
        that. The other options are those of `enqueue`. With `_keep_result=0` the result is still returned
        here.

        Raises:
            JobFailed: The job failed for good; JobAborted if it was aborted.
            ResultTimeout: There was no result in time.
            GatewayUnavailable: The job could not be enqueued; OutcomeUnknown if it may have been.
            JobgateError: Any other problem, as in `enqueue`.
        """
        options = job_options(
            job_id=_job_id,
            queue=_queue,
            expires=_expires,
            max_tries=_max_tries,
            keep_result=_keep_result,
            run_timeout=_run_timeout,
        )
        job = new_job(function, args, kwargs, options)
        wait = waiting_time("_timeout", _timeout, self._timeout)
        with self._metrics.call(function), self._handle(job, _queue, acknowledged=True).named_in_errors():
            return (await self._transport.call(job, wait)).value()

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
        """Enqueue a job that runs `function(*args, **kwargs)` in a worker, and return a handle on it.

        `_job_id`: 1 to 128 of the characters `A-Z a-z 0-9 _ . ~ -`, random by default. `_defer_by` or
        `_defer_until`: when it is due (naive = local time). `_expires`: how long after that it must start,
        24 h by default. `_max_tries`, `_run_timeout`, `_keep_result` (0 = not at all): by default the
        function's or the worker's. Durations are seconds or timedeltas.

        Raises:
            JobExists: A job with this `_job_id` already exists; the error's `job` is a handle on it.
            UnknownFunction: There are live workers, and none offers the function.
            InvalidArguments: The arguments do not fit the function, or cannot be sent.
            GatewayUnavailable: The job could not be enqueued; OutcomeUnknown if it may have been.
            JobgateError: Any other problem, see `jobgate.client.errors`.
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
        job = new_job(function, args, kwargs, options)
        with self._metrics.enqueue(function), self._handle(job, _queue).named_in_errors():
            queue = await self._transport.enqueue(job) or _queue
        return self._handle(job, queue, acknowledged=True)

    def job(self, job_id: str, *, queue: str | None = None) -> JobHandle:
        """Return a handle on a job by its id; nothing is sent.

        Args:
            job_id: Id of the job.
            queue: Needed only with Redis, for jobs that stock arq put into a queue other than the default.
        """
        return JobHandle(self._transport, check_job_id(job_id), queue=queue, timeout=self._timeout)

    def _handle(self, job: NewJob, queue: str | None, *, acknowledged: bool = False) -> JobHandle:
        return JobHandle(
            self._transport, job.job_id, queue=queue, timeout=self._timeout, acknowledged=acknowledged
        )
