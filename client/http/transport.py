"""The transport that calls functions through a gateway."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from time import monotonic
from urllib.parse import quote, urlencode

from jobgate.client.errors import (
    GatewayUnavailable,
    JobgateError,
    JobNotFound,
    RateLimited,
    ResultTimeout,
    UnknownFunction,
)
from jobgate.client.http.batch import Batch
from jobgate.client.http.connection import (
    Exchange,
    ProblemAnswer,
    Request,
    Response,
    job_end,
    job_info,
    queue_in,
    queue_of,
    require_same,
)
from jobgate.client.http.event_stream import EventStream
from jobgate.client.http.events import job_event, queue_event
from jobgate.client.http.operations import HttpOperations
from jobgate.client.http.prompt_requests import SLACK, PromptRequests, good
from jobgate.client.http.request_body import encode, needs_idempotency_key
from jobgate.client.info import JobEvent, JobEventKind, JobInfo, QueueEvent
from jobgate.client.requests import NewJob, quoted
from jobgate.client.time_budget import Retries, TimeBudget
from jobgate.client.transport import JobEnd

#: Seconds of one long poll; a longer wait is several polls. Proxies cut requests that are idle for a minute.
LONGEST_POLL = 30.0
#: Seconds in which no poll ends, also where a gateway does not wait at all.
_SOON = 0.05


class HttpTransport:
    """A `Transport` over HTTP.

    Args:
        exchange: Sends the requests.
        request_timeout: Seconds for which one request is retried.
    """

    def __init__(self, exchange: Exchange, *, request_timeout: float) -> None:
        self._exchange = exchange
        self._request_timeout = request_timeout
        self._prompt = PromptRequests(exchange, retry_for=request_timeout)
        #: What operators ask for.
        self.operations = HttpOperations(self._prompt)

    async def open(self) -> None:
        """Allow requests; the gateway need not be up yet."""
        await self._exchange.open()

    async def leave(self) -> None:
        """Take back one `open`."""
        await self._exchange.leave()

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._exchange.close()

    async def enqueue(self, job: NewJob) -> str | None:
        """Enqueue a job and return the name of its queue."""
        response = await self._post(job, TimeBudget(self._request_timeout), wait=0)
        document = response.document()
        if response.status == 409:  # a lost answer had enqueued it
            return queue_in(document.get("job"))
        return queue_of(document, job.job_id)

    async def enqueue_many(self, jobs: Sequence[NewJob]) -> Sequence[str | JobgateError | None]:
        """Enqueue jobs, in few requests; return the name of the queue of each, or the error."""
        return await Batch(jobs, self._exchange, request_timeout=self._request_timeout).enqueue()

    async def call(self, job: NewJob, timeout: float | None) -> JobEnd:
        """Enqueue and wait in the same request, then poll until the time is up."""
        budget = TimeBudget(timeout)
        response = await self._post(job, budget, wait=min(budget.left, LONGEST_POLL))
        if response.status == 200:
            return job_end(response, job.job_id)
        if response.status == 202:
            require_same(response.document(), job.job_id)
        return await self._poll_for_end(job.job_id, budget)

    async def info(self, job_id: str, queue: str | None) -> JobInfo:
        """Return what is known of a job; the gateway finds its queue."""
        return job_info(good(await self._prompt.send("GET", f"/jobs/{quoted(job_id)}/status")))

    async def wait(self, job_id: str, queue: str | None, timeout: float | None) -> JobEnd:
        """Poll until the job has ended or the time is up."""
        return await self._poll_for_end(job_id, TimeBudget(timeout))

    async def abort(self, job_id: str, queue: str | None, timeout: float | None) -> bool:
        """Ask a job to stop, then wait for its end."""
        response = await self._ask_to_abort(job_id)
        if response.status == 409:
            # It had ended, perhaps because of this very request, if its first response was lost.
            return (await self.wait(job_id, queue, 0)).aborted
        if good(response).status == 200:
            return True
        try:
            return (await self.wait(job_id, queue, timeout)).aborted
        except JobNotFound:
            # It has ended and its result was not kept. For some seconds the gateway knows how it ended.
            return good(await self._ask_to_abort(job_id)).status == 200

    async def events(self, job_id: str, queue: str | None) -> AsyncGenerator[JobEvent, None]:
        """Yield the states of a job, over as many connections as it takes."""
        stream = EventStream(
            self._exchange, f"/jobs/{quoted(job_id)}/events", retry_for=self._request_timeout
        )
        async with aclosing(stream.events()) as arriving:
            async for arrived in arriving:
                if (event := job_event(arrived)) is not None:
                    yield event
                    if event.kind is JobEventKind.FINISHED:
                        return

    async def retry(self, job_id: str, queue: str | None) -> tuple[str, str | None]:
        """Run a finished job again. To repeat the request is safe: a job is retried once."""
        again = job_info(good(await self._prompt.send("POST", f"/jobs/{quoted(job_id)}/retry")))
        return again.job_id, again.queue

    async def feed(self, queue: str | None, function: str | None) -> AsyncGenerator[QueueEvent, None]:
        """Yield what happens, over as many connections as it takes."""
        given = {"queue": queue, "function": function}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        path = f"/events?{query}" if query else "/events"
        stream = EventStream(self._exchange, path, retry_for=self._request_timeout)
        async with aclosing(stream.events()) as arriving:
            async for arrived in arriving:
                if (event := queue_event(arrived)) is not None:
                    yield event

    async def _ask_to_abort(self, job_id: str) -> Response:
        return await self._prompt.send("POST", f"/jobs/{quoted(job_id)}/abort")

    async def _post(self, job: NewJob, budget: TimeBudget, *, wait: float) -> Response:
        """Enqueue a job; the status is 200 with its end, 202, or 409 if a lost response had enqueued it."""
        response = await self._exchange.send(
            Request(
                method="POST",
                path=f"/jobs/{quote(job.function, safe='')}",
                body=encode(job),
                headers=_enqueue_headers(job, wait),
                timeout=wait + SLACK,
                budget=budget,
                retry_for=self._request_timeout,
            )
        )
        if response.status == 409 and job.owns_id and ProblemAnswer.of(response).code == "job-exists":
            return response
        try:
            return good(response)
        except UnknownFunction as error:
            raise UnknownFunction.named(job.function, error.near, error.queues) from None

    async def _poll_for_end(self, job_id: str, budget: TimeBudget) -> JobEnd:
        """Poll, through restarts of the gateway, until the job ended; ResultTimeout when the time is up."""
        retries = Retries(budget)
        while True:
            started = monotonic()
            response = await self._poll(job_id, budget)
            if response.status == 200:
                return job_end(response, job_id)
            require_same(response.document(), job_id)
            if not budget.left:
                raise ResultTimeout
            promised = response.applied_wait()
            if monotonic() - started < (0.5 if promised is None else max(0.9 * promised, _SOON)):
                # It answered early, as it is shutting down: another one, or the same after a restart, needs a
                # moment.
                await retries.pause()
            else:
                retries.reset()

    async def _poll(self, job_id: str, budget: TimeBudget) -> Response:
        wait = min(budget.left, LONGEST_POLL)
        request = Request(
            method="GET",
            path=f"/jobs/{quoted(job_id)}/result?wait={wait:.3f}",
            timeout=wait + SLACK,
            budget=budget,
            retry_for=None,
        )
        try:
            return good(await self._exchange.send(request))
        except (GatewayUnavailable, RateLimited) as error:
            if budget.left:
                # No retry helps: an invalid certificate, or a wrong configuration of the gateway.
                raise
            raise ResultTimeout(f"No result in time, and the gateway cannot be asked: {error}") from error


def _enqueue_headers(job: NewJob, wait: float) -> Mapping[str, str]:
    headers = {"Content-Type": "application/json"}
    if wait:
        headers["Prefer"] = f"wait={wait:.3f}"
    if needs_idempotency_key(job):
        headers["Idempotency-Key"] = job.request_token
    return headers
