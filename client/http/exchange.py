"""One HTTP request until it has an answer: connection, time limits, retries."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from jobgate.client.deadlines import LATE, Backoff, Deadline
from jobgate.client.errors import (
    ClientClosed,
    GatewayUnavailable,
    JobgateError,
    OutcomeUnknown,
    UnexpectedAnswer,
)
from jobgate.client.http.answers import Answer
from jobgate.client.http.probe import speaks_another_protocol
from jobgate.client.http.problems import Problem
from jobgate.client.metrics import ClientMetrics
from jobgate.client.per_loop import PerLoop

logger = logging.getLogger("jobgate.client")

#: Seconds in which a connection must stand.
CONNECT_TIMEOUT = 5.0
#: Seconds after which an idle connection is dropped: sooner than gateways and proxies drop theirs.
IDLE_TIMEOUT = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One HTTP request that may be repeated."""

    method: str
    #: Below the base URL, percent-encoded, with query.
    path: str
    #: Seconds that one try may take.
    limit: float
    #: When the caller has no more use for the answer, give or take `LATE`.
    deadline: Deadline
    #: Seconds for which it is repeated from the first trouble on; None = until the deadline, come what may.
    patience: float | None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: It changes something, so that a lost answer leaves the outcome unknown.
    write: bool = False


class _Trouble(Exception):
    """A try that may be repeated."""

    def __init__(self, error: JobgateError, *, reason: str, lost: bool, retry_after: float = 0.0) -> None:
        super().__init__()
        self.error = error
        self.reason = reason
        #: The request may have been carried out.
        self.lost = lost
        self.retry_after = retry_after


class Exchange:
    """Sends requests to one gateway over kept connections.

    Args:
        base_url: Where the gateway is, without a slash at its end; may have a path.
        headers: Sent with each request.
        max_connections: Open at one time; a waiting request holds one.
        metrics: Where retries are counted.
    """

    def __init__(
        self, base_url: str, *, headers: Mapping[str, str], max_connections: int, metrics: ClientMetrics
    ) -> None:
        self._base_url = base_url
        self._headers = dict(headers)
        self._max_connections = max_connections
        self._metrics = metrics
        self._sessions = PerLoop(self._new_session)
        self._is_open = False
        #: It has answered before, so it is a gateway, or what stands before one.
        self._is_known = False

    async def open(self) -> None:
        """Let requests through; nothing is sent."""
        self._is_open = True

    def _new_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max_connections, keepalive_timeout=IDLE_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
        )

    async def close(self) -> None:
        """Close all connections; calling again does nothing."""
        self._is_open = False
        if (session := self._sessions.take()) is not None:
            await session.close()
        await self._close_those_gone()

    async def _close_those_gone(self) -> None:
        for session in self._sessions.leave_those_gone():
            await session.close()

    async def send(self, request: Request) -> Answer:
        """Return the first answer that is worth no repetition, whatever its status.

        Raises:
            GatewayUnavailable: There was none in time; OutcomeUnknown when a write may have happened.
            RateLimited: There was none but refusals.
        """
        lost = False
        backoff: Backoff | None = None
        while True:
            try:
                return await self._try(request)
            except _Trouble as trouble:
                lost = lost or trouble.lost
                backoff = backoff or _backoff(request)
                if not await backoff.pause(trouble.retry_after):
                    raise _final(trouble, lost=lost and request.write) from None
                logger.debug("%s is repeated: %.500r", request.method, str(trouble.error))
                self._metrics.retried(trouble.reason)

    async def _try(self, request: Request) -> Answer:
        try:
            answer = await self._once(request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise await self._meaning(error) from None
        self._is_known = True
        if answer.status in {408, 429} or answer.status >= 500:
            problem = Problem.of(answer)
            if problem.retryable or answer.status == 429:
                raise _refused(problem)
        return answer

    async def _meaning(self, error: Exception) -> Exception:
        """Return what a failed try is: trouble that may pass, or an error that will not."""
        url = self._base_url
        if isinstance(error, aiohttp.ClientSSLError):
            # A wrong certificate does not mend itself.
            return GatewayUnavailable(f"There is no trusted connection to {url}: {error}")
        if isinstance(error, aiohttp.ClientConnectorError):
            return _unreachable(url, error)
        if await self._is_no_http(error):
            return UnexpectedAnswer(
                f"What answers at {url} does not speak HTTP: give the address of a gateway, http:// or "
                "https:// as it serves, or redis:// for Redis itself."
            )
        return _lost(url, error)

    async def _is_no_http(self, error: Exception) -> bool:
        """Tell whether the other side certainly speaks something else; a hang-up alone may mean anything."""
        if isinstance(error, aiohttp.ClientResponseError):
            return True
        if self._is_known or isinstance(error, TimeoutError):
            return False
        return await speaks_another_protocol(URL(self._base_url))

    async def _once(self, request: Request) -> Answer:
        if not self._is_open:
            raise ClientClosed
        await self._close_those_gone()
        limit = min(request.limit, request.deadline.left + LATE)
        async with self._sessions.here().request(
            request.method,
            URL(self._base_url + request.path, encoded=True),
            data=request.body,
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(total=limit, sock_connect=CONNECT_TIMEOUT),
            # A redirect would carry the key to somewhere else.
            allow_redirects=False,
        ) as response:
            return Answer(response.status, response.headers, await response.read())


def _backoff(request: Request) -> Backoff:
    """Begin to count the patience: trouble has just come up."""
    if request.patience is None:
        return Backoff(request.deadline, to_the_end=True)
    return Backoff(request.deadline.sooner(request.patience))


def _unreachable(url: str, error: aiohttp.ClientConnectorError) -> _Trouble:
    """No connection: nothing was sent."""
    cause = error.strerror or str(error.os_error) or "no connection"
    sentence = f"{url} cannot be reached ({cause}): check the address, and that a gateway runs there."
    return _Trouble(GatewayUnavailable(sentence), reason="connection", lost=False)


def _lost(url: str, error: Exception) -> _Trouble:
    """The connection failed, or was silent for too long, after it stood."""
    silent = isinstance(error, TimeoutError)
    not_sent = isinstance(error, aiohttp.ConnectionTimeoutError)
    how = (
        "gave no answer in time" if silent else f"broke the connection ({str(error) or type(error).__name__})"
    )
    sentence = f"The gateway at {url} {how}: check that it runs, then try again."
    return _Trouble(GatewayUnavailable(sentence), reason="connection", lost=not not_sent)


def _refused(problem: Problem) -> _Trouble:
    return _Trouble(
        problem.error(),
        reason=problem.reason,
        lost=problem.may_have_happened,
        retry_after=problem.retry_after or 0.0,
    )


def _final(trouble: _Trouble, *, lost: bool) -> JobgateError:
    if lost and not isinstance(trouble.error, OutcomeUnknown):
        what = str(trouble.error).partition(": check")[0].rstrip(".")
        return OutcomeUnknown(
            f"{what}; the request may have been carried out: look at the job of this error."
        )
    return trouble.error
