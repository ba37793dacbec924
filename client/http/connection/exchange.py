"""HTTP requests with their connections, timeouts and retries."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from jobgate.client.errors import (
    ClientClosed,
    GatewayUnavailable,
    JobgateError,
    OutcomeUnknown,
    UnexpectedAnswer,
)
from jobgate.client.http.connection.probe import NO_HTTP, wrong_protocol
from jobgate.client.http.connection.problem_answers import ProblemAnswer
from jobgate.client.http.connection.response import Response
from jobgate.client.http.connection.route import Route
from jobgate.client.http.connection.trust import lasting_error, no_handshake
from jobgate.client.metrics import ClientMetrics
from jobgate.client.per_loop import Openings, PerLoop
from jobgate.client.time_budget import GRACE, Retries, TimeBudget

logger = logging.getLogger("jobgate.client")

#: Seconds in which a connection must be established.
CONNECT_TIMEOUT = 5.0
#: What to do when a job may have been enqueued, aborted or retried.
ASK_THE_JOB = "ask the job of this error for its status"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """An HTTP request that may be retried."""

    method: str
    #: Below the base URL, percent-encoded, with query.
    path: str
    #: Timeout of one exchange, in seconds.
    timeout: float
    #: The time after which the caller no longer needs the response.
    budget: TimeBudget
    #: Seconds for which it is retried, from the first failure on; None = as long as the budget lasts.
    retry_for: float | None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: What the caller is to do when it is not known whether the request was carried out.
    if_in_doubt: str = ASK_THE_JOB

    def retries(self) -> Retries:
        """Return its retries when it has failed for the first time."""
        if self.retry_for is None:
            return Retries(self.budget, until_the_end=True)
        return Retries(self.budget.at_most(self.retry_for))


class Failure(Exception):
    """A request that failed and may be retried, unless that is hopeless; it does not leave this floor."""

    def __init__(
        self,
        error: JobgateError,
        *,
        reason: str = "connection",
        lost: bool = False,
        retry_after: float = 0.0,
        is_hopeless: bool = False,
    ) -> None:
        super().__init__()
        self.error = error
        self.reason = reason
        #: Whether the request may have been carried out.
        self.lost = lost
        self.retry_after = retry_after
        self.is_hopeless = is_hopeless


class Exchange:
    """Sends requests to one gateway over persistent connections.

    Args:
        route: The way to the gateway.
        headers: Sent with each request.
        max_connections: Largest number of open connections; each waiting request holds one.
        metrics: Counts the retries.
    """

    def __init__(
        self, route: Route, *, headers: Mapping[str, str], max_connections: int, metrics: ClientMetrics
    ) -> None:
        self._route = route
        self._headers = dict(headers)
        self._max_connections = max_connections
        self._metrics = metrics
        self._sessions = PerLoop(self._new_session)
        self._openings = Openings()
        #: Whether the other side has answered in HTTP before.
        self._is_known = False

    async def open(self) -> None:
        """Allow requests; nothing is sent yet."""
        self._openings.enter()

    def note_retry(self, reason: str) -> None:
        """Count a retry, for one of the reasons of `Failure`."""
        self._metrics.retried(reason)

    def _new_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self._route.connector(self._max_connections),
            proxy=self._route.proxy,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
        )

    async def leave(self) -> None:
        """Take back one `open`; the last one of a loop closes its connections."""
        if self._openings.leave():
            await self._close_here()

    async def close(self) -> None:
        """Close the connections of this loop, and allow no requests. Safe to call twice."""
        self._openings.clear()
        await self._close_here()

    async def _close_here(self) -> None:
        if (session := self._sessions.take()) is not None:
            await session.close()
        await self._close_gone()

    async def _close_gone(self) -> None:
        for session in self._sessions.drop_gone():
            await session.close()

    async def send(self, request: Request) -> Response:
        """Return the first response that is not to be retried, whatever its status.

        Raises:
            GatewayUnavailable: There was none in time; OutcomeUnknown if a write may have been carried out.
            RateLimited: The gateway only answered that there are too many requests.
        """
        lost = False
        retries: Retries | None = None
        while True:
            try:
                return await self._accepted(request)
            except Failure as failure:
                lost = lost or failure.lost
                retries = retries or request.retries()
                if failure.is_hopeless or not await retries.pause(failure.retry_after):
                    # Only a POST changes something, so that its outcome is unknown when the response is lost.
                    doubt = request.if_in_doubt if lost and request.method == "POST" else ""
                    raise _final(failure, doubt) from None
                logger.debug("%s is retried: %.500r", request.method, str(failure.error))
                self._metrics.retried(failure.reason)

    async def _accepted(self, request: Request) -> Response:
        """Send a request once; raise Failure where it may be retried."""
        try:
            response = await self._once(request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise await self._error_for(error) from None
        return self._checked(response)

    def _checked(self, response: Response) -> Response:
        """Return a response that is not to be retried; raise Failure for any other one."""
        self._is_known = True
        if response.status in {408, 429} or response.status >= 500:
            answer = ProblemAnswer.of(response)
            if answer.retryable or response.status == 429:
                raise Failure(
                    answer.error(),
                    reason="rate-limited" if response.status == 429 else "unavailable",
                    lost=answer.may_have_happened,
                    retry_after=answer.retry_after or 0.0,
                )
        return response

    async def _error_for(self, error: Exception) -> Failure:
        """Return what an exception of aiohttp means; it is hopeless if no retry helps."""
        url = self._route.shown
        if (lasting := lasting_error(url, error)) is not None:
            # Before it, another request may have been carried out.
            return Failure(lasting, is_hopeless=True)
        if isinstance(error, aiohttp.ClientSSLError):
            return Failure(no_handshake(url, error))
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
            return _unreachable(url, error)
        if (wrong := await self._wrong_protocol(error)) is not None:
            return Failure(UnexpectedAnswer(f"The server at {url} {wrong}"), is_hopeless=True)
        return _lost(url, error)

    async def _wrong_protocol(self, error: Exception) -> str | None:
        """Return what is to be said if the other side certainly speaks another protocol."""
        if isinstance(error, aiohttp.ClientResponseError):
            return NO_HTTP
        route = self._route
        is_plain = route.is_direct and route.url.startswith("http:")
        if not is_plain or self._is_known or isinstance(error, TimeoutError):
            return None
        return await wrong_protocol(URL(route.url))

    async def _once(self, request: Request) -> Response:
        timeout = min(request.timeout, request.budget.left + GRACE)
        limits = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_TIMEOUT)
        async with self._sent(
            request.method, request.path, request.headers, limits, request.body
        ) as response:
            return Response(response.status, response.headers, await response.read())

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str], *, silence: float
    ) -> AsyncIterator[aiohttp.StreamReader | None]:
        """Yield the body of a response 200 while it arrives; None for an empty one (204).

        Args:
            path: As in `Request`.
            headers: As in `Request`.
            silence: Seconds without a byte after which the connection counts as lost.

        Raises:
            Failure: The connection failed, now or inside the block, or the gateway asks to try again.
            JobgateError: The gateway refuses.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence)
        try:
            async with self._sent("GET", path, headers, limits) as response:
                if response.status not in {200, 204}:
                    complete = Response(response.status, response.headers, await response.read())
                    raise ProblemAnswer.of(self._checked(complete)).error()
                self._is_known = True
                yield response.content if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise await self._error_for(error) from None

    @asynccontextmanager
    async def _sent(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        body: bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request once and yield the response, whose body is still to be read."""
        if not self._openings:
            raise ClientClosed
        await self._close_gone()
        async with self._sessions.here().request(
            method,
            URL(self._route.url + path, encoded=True),
            data=body,
            headers=headers,
            timeout=limits,
            # A redirect would send the key to another server.
            allow_redirects=False,
        ) as response:
            yield response


def _unreachable(url: str, error: aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError) -> Failure:
    """There is no connection, so nothing was sent."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        cause = f"the proxy answers {error.status}"
    else:
        cause = error.strerror or str(error.os_error) or "no connection"
        cause = f"the proxy: {cause}" if isinstance(error, aiohttp.ClientProxyConnectionError) else cause
    sentence = f"{url} cannot be reached ({cause}): check the address, and that a gateway runs there."
    return Failure(GatewayUnavailable(sentence))


def _lost(url: str, error: Exception) -> Failure:
    """The connection was established, and then it broke or timed out."""
    silent = isinstance(error, TimeoutError)
    not_sent = isinstance(error, aiohttp.ConnectionTimeoutError)
    how = (
        "did not answer in time" if silent else f"broke the connection ({str(error) or type(error).__name__})"
    )
    sentence = f"The gateway at {url} {how}: check that it runs, then try again."
    return Failure(GatewayUnavailable(sentence), reason="connection", lost=not not_sent)


def _final(failure: Failure, doubt: str) -> JobgateError:
    """Return the error to raise; `doubt` says what to do if the request may have been carried out."""
    if doubt and not isinstance(failure.error, OutcomeUnknown):
        what = str(failure.error).partition(": check")[0].rstrip(".")
        return OutcomeUnknown(f"{what}; the request may have been carried out: {doubt}.")
    return failure.error
