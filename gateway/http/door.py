"""The door: every request passes it once on its way in, every answer once on its way out."""

import asyncio
import ipaddress
import itertools
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Generic, Protocol, TypeVar

import orjson
from aiohttp.web import BaseRequest

from jobgate.gateway.http.answers import Answer, reset
from jobgate.gateway.http.header_names import HOST, ORIGIN, REQUEST_ID, SEC_FETCH_SITE
from jobgate.gateway.http.problems import Problem
from jobgate.gateway.http.quiet_log import SparseLog
from jobgate.gateway.http.streams import StreamedAnswer

logger = logging.getLogger("jobgate.gateway")

_PROBLEM_JSON = "application/problem+json"
_VERSIONS = ((1, 1), (1, 0))
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.~-]{1,64}")
#: How many `Host` headers are remembered.
_MOST_HOSTS = 64

CallT = TypeVar("CallT")


class Service(Protocol[CallT]):
    """The service behind a door."""

    @property
    def is_draining(self) -> bool:
        """Whether connections end with their next answer."""

    def begin(self, request: BaseRequest) -> CallT:
        """Return what the service keeps of a request while it handles it."""

    def answer(self, call: CallT, request_id: str) -> Awaitable[Answer]:
        """Answer one request; raises `Problem`."""

    def end(self, call: CallT, answer: Answer | None, seconds: float) -> None:
        """Count and log a request that was handled; no answer = its client hung up first."""

    def refused(self, status: int) -> None:
        """Count a request that could not be parsed."""


class Door(Generic[CallT]):
    """Turns requests into answers; raises nothing but `CancelledError`.

    Args:
        service: Answers the requests that are let in.
        write_deadline: Seconds after which a client that does not read its answer is cut off.
        hosts: Names besides loopback's own that `Host` may have; None = it is not checked.
    """

    def __init__(
        self, service: Service[CallT], *, write_deadline: float, hosts: tuple[str, ...] | None = None
    ) -> None:
        self._service = service
        self._write_deadline = write_deadline
        self._hosts = None if hosts is None else {"localhost", *(host.lower() for host in hosts)}
        #: `Host` headers, as they were sent, that name one of them.
        self._accepted: set[str] = set()
        self._log = SparseLog(logger)
        self._ids = _request_ids()

    async def handle(self, request: BaseRequest) -> Answer:
        """Answer one request."""
        start = time.perf_counter()
        service, call = self._service, self._service.begin(request)
        request_id = given_id(request.headers.get(REQUEST_ID)) or next(self._ids)
        answer: Answer | None = None
        try:
            try:
                self._check(request)
                answer = await service.answer(call, request_id)
            except Exception as error:
                answer = self._answer_to(error, request_id)
            answer.request_id = request_id
            answer.write_deadline = self._write_deadline
            if service.is_draining:
                answer.keep_alive = False
            if isinstance(answer, StreamedAnswer):
                await self._stream(request, answer)
        except asyncio.CancelledError:
            service.end(call, answer, time.perf_counter() - start)
            raise
        service.end(call, answer, time.perf_counter() - start)
        return answer

    def _answer_to(self, error: Exception, request_id: str) -> Answer:
        """Return the answer to a request that failed."""
        if isinstance(error, ConnectionError):
            # The client hung up while its body was read: nobody reads this answer.
            error = Problem("malformed-request")
        if not isinstance(error, Problem):
            self._log.failure("request %s failed", request_id)
            error = Problem("internal-error", "The gateway's log has the reason.")
        elif error.kind.status >= 500 and error.__cause__ is not None:
            self._log.line("request %s: %s", request_id, error.__cause__)
        return _problem_answer(error, request_id)

    async def _stream(self, request: BaseRequest, answer: StreamedAnswer) -> None:
        try:
            await answer.send(request)
        except Exception as error:
            if not isinstance(error, ConnectionError):
                self._log.failure("request %s failed while its answer was sent", answer.request_id)
            # The client must not mistake the part that it has for the whole.
            answer.keep_alive = False
            reset(request)

    def refuse(self, problem: Problem) -> Answer:
        """Count a request that could not be parsed, and return the answer to it."""
        self._service.refused(problem.kind.status)
        answer = _problem_answer(problem, request_id := next(self._ids))
        answer.request_id = request_id
        return answer

    def _check(self, request: BaseRequest) -> None:
        if request.version not in _VERSIONS:
            raise Problem("http-version")
        host = request.headers.get(HOST)
        if host is None and request.version == (1, 1):
            raise Problem("malformed-request", "An HTTP/1.1 request needs a Host header.")
        if self._hosts is not None and host is not None and host not in self._accepted:
            self._check_host(self._hosts, host)

    def _check_host(self, hosts: Collection[str], host: str) -> None:
        if not _is_one_of(hosts, host.lower()):
            # A page of another site whose name was made to resolve to this machine (DNS rebinding).
            raise Problem("misdirected", "Call it as localhost, or allow the name with --allow-host.")
        if len(self._accepted) < _MOST_HOSTS:
            self._accepted.add(host)


def _is_one_of(hosts: Collection[str], host: str) -> bool:
    if not host.endswith("]"):
        without_port, colon, port = host.rpartition(":")
        host = without_port if colon and port.isascii() and port.isdigit() else host
    if host in hosts:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def target_of(request: BaseRequest) -> tuple[str, str]:
    """Return the path and the query of a request, as sent."""
    target = request.raw_path
    # The absolute form, `GET http://host/path`, is for proxies but must be understood.
    path, _, query = (target if target.startswith("/") else request.rel_url.raw_path_qs).partition("?")
    return path, query


def check_origin(request: BaseRequest, hosts: Callable[[BaseRequest], Collection[str]]) -> None:
    """Raise `Problem` 403 for a request that a page of another site made a browser send.

    A form can carry JSON, and browsers send forms without asking for permission (CORS preflight).

    Args:
        request: The request.
        hosts: Returns the names, in lower case, that the gateway has for its client.
    """
    headers = request.headers
    site, origin = headers.get(SEC_FETCH_SITE), headers.get(ORIGIN)
    is_foreign = site is not None and site not in {"same-origin", "none"}
    if origin is not None:
        name = origin.partition("://")[2].lower()
        # Pages without an origin of their own send `null`; a request of HTTP/1.0 may name no host.
        is_foreign = is_foreign or not name or name not in hosts(request)
    if is_foreign:
        raise Problem("cross-site", "A browser sent this on behalf of another site.")


def given_id(text: str | None) -> str | None:
    """Return an `X-Request-ID` that can be passed on, else None: it could forge headers or log lines."""
    return text if text and _REQUEST_ID.fullmatch(text) else None


def _request_ids() -> Iterator[str]:
    start = secrets.token_hex(6)
    return (f"{start}-{number:x}" for number in itertools.count(1))


def _problem_answer(problem: Problem, request_id: str) -> Answer:
    return Answer(
        problem.kind.status,
        orjson.dumps(problem.document(request_id)),
        headers=problem.headers,
        content_type=_PROBLEM_JSON,
        close=problem.kind.closes,
    )
