"""Calls through a gateway (http-api.md)."""

from collections.abc import Mapping
from time import monotonic
from urllib.parse import quote

from jobgate.client.deadlines import Backoff, Deadline
from jobgate.client.encoding import encode
from jobgate.client.errors import GatewayUnavailable, JobNotFound, RateLimited, ResultTimeout, UnknownFunction
from jobgate.client.http.answers import Answer, job_info, outcome, queue_of, unexpected
from jobgate.client.http.exchange import Exchange, Request
from jobgate.client.http.problems import Problem
from jobgate.client.info import JobInfo
from jobgate.client.requests import JobRequest, quoted
from jobgate.client.transport import Outcome

#: Seconds of one long poll; longer waits are several. Proxies cut requests that are silent for a minute.
LONGEST_POLL = 30.0
#: Seconds that a gateway may take over what it was asked to wait: its deadline for Redis is 5 s.
SLACK = 10.0
#: Seconds; a result that is kept for less may be gone before a lost answer is noticed.
SHORT_KEEP = 60.0


class HttpTransport:
    """Enqueues, waits and reads over HTTP. Every method is as in `Transport`.

    Args:
        exchange: Sends the requests.
        request_timeout: Seconds for which one request is repeated.
    """

    def __init__(self, exchange: Exchange, *, request_timeout: float) -> None:
        self._exchange = exchange
        self._request_timeout = request_timeout

    async def open(self) -> None:
        """Make the session; the gateway need not be up yet."""
        await self._exchange.open()

    async def close(self) -> None:
        """Close the connections; calling again does nothing."""
        await self._exchange.close()

    async def enqueue(self, request: JobRequest) -> str | None:
        """Enqueue and return the queue's name."""
        answer = await self._post(request, Deadline(self._request_timeout), wait=0)
        return queue_of(answer)

    async def call(self, request: JobRequest, timeout: float | None) -> Outcome:
        """Enqueue and wait in the same request, then poll for what is left of the time."""
        deadline = Deadline(timeout)
        answer = await self._post(request, deadline, wait=min(deadline.left, LONGEST_POLL))
        if answer.status == 200:
            return outcome(answer)
        return await self._await_outcome(request.job_id, deadline)

    async def info(self, job_id: str, queue: str | None) -> JobInfo:
        """Look at a job; the gateway knows its queue."""
        return job_info(_good(await self._short("GET", f"/jobs/{quoted(job_id)}/status")))

    async def wait(self, job_id: str, queue: str | None, timeout: float | None) -> Outcome:
        """Poll until the job has ended or the time is over."""
        return await self._await_outcome(job_id, Deadline(timeout))

    async def abort(self, job_id: str, queue: str | None, timeout: float | None) -> bool:
        """Ask it to stop, then wait for its end."""
        answer = await self._ask_to_abort(job_id)
        if answer.status == 409:
            # It had ended, perhaps by this very request whose first answer was lost: how it ended decides.
            return (await self.wait(job_id, queue, 0)).aborted
        if _good(answer).status == 200:
            return True
        try:
            return (await self.wait(job_id, queue, timeout)).aborted
        except JobNotFound:
            # It has ended since, and its result is not kept: for some seconds the gateway knows how it ended.
            return _good(await self._ask_to_abort(job_id)).status == 200

    async def _ask_to_abort(self, job_id: str) -> Answer:
        return await self._short("POST", f"/jobs/{quoted(job_id)}/abort", write=True)

    async def _post(self, job: JobRequest, deadline: Deadline, *, wait: float) -> Answer:
        """Enqueue; answers 200 with the outcome or 202 (409: it is there already, from a lost answer)."""
        answer = await self._exchange.send(
            Request(
                method="POST",
                path=f"/jobs/{quote(job.function, safe='')}",
                body=encode(job),
                headers=_enqueue_headers(job, wait),
                limit=wait + SLACK,
                deadline=deadline,
                patience=self._request_timeout,
                write=True,
            )
        )
        if answer.status == 409 and job.owns_id and Problem.of(answer).code == "job-exists":
            return answer
        try:
            return _good(answer)
        except UnknownFunction as error:
            raise UnknownFunction.named(job.function, error.near) from None

    async def _short(self, method: str, path: str, *, write: bool = False) -> Answer:
        """Send a request that the gateway answers at once."""
        return await self._exchange.send(
            Request(
                method=method,
                path=path,
                limit=SLACK,
                deadline=Deadline(self._request_timeout),
                patience=self._request_timeout,
                write=write,
            )
        )

    async def _await_outcome(self, job_id: str, deadline: Deadline) -> Outcome:
        """Poll, through restarts of the gateway, until the job has ended; ResultTimeout at the deadline."""
        backoff = Backoff(deadline)
        while True:
            started = monotonic()
            answer = await self._poll(job_id, deadline)
            if answer.status == 200:
                return outcome(answer)
            if deadline.passed:
                raise ResultTimeout
            if _came_early(answer, monotonic() - started):
                # The gateway shuts down: another one, or the same again, needs a moment.
                await backoff.pause()
            else:
                backoff.reset()

    async def _poll(self, job_id: str, deadline: Deadline) -> Answer:
        wait = min(deadline.left, LONGEST_POLL)
        request = Request(
            method="GET",
            path=f"/jobs/{quoted(job_id)}/result?wait={wait:.3f}",
            limit=wait + SLACK,
            deadline=deadline,
            patience=None,
        )
        try:
            return _good(await self._exchange.send(request))
        except (GatewayUnavailable, RateLimited) as error:
            if not deadline.passed:
                # It will not get better by itself: a wrong certificate, a gateway that is set up wrongly.
                raise
            raise ResultTimeout(f"No result in time, and the gateway cannot be asked: {error}") from error


def _enqueue_headers(job: JobRequest, wait: float) -> Mapping[str, str]:
    headers = {"Content-Type": "application/json"}
    if wait:
        headers["Prefer"] = f"wait={wait:.3f}"
    keep = job.options.keep_result
    if not job.owns_id or (keep is not None and keep < SHORT_KEEP):
        # The id alone cannot tell this request's replay from another job, or from one that is gone already.
        headers["Idempotency-Key"] = job.request_token
    return headers


def _came_early(answer: Answer, took: float) -> bool:
    """Tell whether the gateway gave up before the time that it had promised to wait."""
    applied = answer.applied_wait()
    return took < (0.9 * applied if applied is not None else 0.5)


def _good(answer: Answer) -> Answer:
    """Return an answer 200 or 202, raise the error that any other one is."""
    if answer.status in {200, 202}:
        return answer
    if answer.status < 400:
        raise unexpected(answer)
    raise Problem.of(answer).error()
