"""The door: every request passes it once on its way in, every answer once on its way out."""

import asyncio
import ipaddress
import logging
import time

import orjson
from aiohttp.web import BaseRequest

from jobgate.broker.errors import BrokerError
from jobgate.gateway.access_log import Found, log_access
from jobgate.gateway.auth.callers import ANYBODY, Caller
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.functions.names import request_id
from jobgate.gateway.http.answers import PROBLEM, Answer
from jobgate.gateway.http.problems import Problem, broker_problem
from jobgate.gateway.http.quiet_log import SparseLog
from jobgate.gateway.routes import Route, Router

logger = logging.getLogger("jobgate.gateway")

#: The status, in metrics only, of a request whose client went away before the answer.
CLIENT_GONE = 499

_SPOKEN = {(1, 0), (1, 1)}


class Door:
    """Turns requests into answers. It never raises but for cancellation."""

    def __init__(self, gateway: Gateway, router: Router, *, is_open: bool = False) -> None:
        """`is_open`: a port that asks for no keys and no certain Host."""
        self._gateway = gateway
        self._router = router
        self._log = SparseLog(logger)
        self._keys = None if is_open else gateway.keys
        self._checks_host = gateway.settings.is_loopback and not is_open
        self._hosts = {"localhost", *(host.lower() for host in gateway.settings.allowed_hosts)}

    async def handle(self, request: BaseRequest) -> Answer:
        """Answer one request."""
        start = time.perf_counter()
        found = Found()
        try:
            answer = await self._answer(request, found)
        except asyncio.CancelledError:
            self._gateway.meter.request(found.route, CLIENT_GONE, time.perf_counter() - start)
            raise
        seconds = time.perf_counter() - start
        self._gateway.meter.request(found.route, answer.status, seconds)
        if self._gateway.settings.access_log:
            log_access(request, answer, found, seconds)
        return answer

    async def _answer(self, request: BaseRequest, found: Found) -> Answer:
        identity = request_id(request.headers.get("X-Request-ID")) or next(self._gateway.request_ids)
        try:
            route, call = self._admit(request, found)
            handled = route.handle(self._gateway, call)
            answer = await (handled if route.keeps_time else call.in_time(handled))
        except Problem as problem:
            if problem.kind.status >= 500 and isinstance(problem.__cause__, BrokerError):
                self._log.line("request %s: %s", identity, problem.__cause__)
            answer = problem_answer(problem, identity)
        except BrokerError as error:
            self._log.line("request %s: %s", identity, error)
            answer = problem_answer(broker_problem(error), identity)
        except ConnectionError:
            # The client went away while its body was read: nobody reads this answer.
            answer = problem_answer(Problem("malformed-request"), identity)
        except Exception:
            self._log.failure("request %s failed", identity)
            answer = problem_answer(Problem("internal-error", "The operator finds it in the log."), identity)
        answer.request_id = identity
        answer.write_deadline = self._gateway.settings.write_deadline
        if self._gateway.draining:
            answer.keep_alive = False
        return answer

    def _admit(self, request: BaseRequest, found: Found) -> tuple[Route, Call]:
        """What to do with the request; raises `Problem` for one that must not pass."""
        if request.version not in _SPOKEN:
            raise Problem("http-version")
        self._check_host(request)
        path, _, query = _target(request).partition("?")
        route, name = self._router.find(request.method, path)
        found.route, found.path, found.name = route.name, route.path, name
        if route.method == "POST":
            _check_origin(request)
        caller = self._caller(request, route)
        deadline = self._gateway.settings.redis_deadline
        call = Call(request=request, name=name, query=query, caller=caller, redis_deadline=deadline)
        found.call = call
        return route, call

    def _caller(self, request: BaseRequest, route: Route) -> Caller:
        if self._keys is None or route.is_open:
            return ANYBODY
        return self._keys.caller(request.headers.get("Authorization"))

    def _check_host(self, request: BaseRequest) -> None:
        host = request.headers.get("Host")
        if host is None and request.version == (1, 1):
            raise Problem("malformed-request", "An HTTP/1.1 request has a Host header.")
        if self._checks_host and host is not None and not self._is_ours(host):
            # A page of another site whose name was made to resolve to this machine (DNS rebinding).
            raise Problem("misdirected", "Call it as localhost, or add the name with --allow-host.")

    def _is_ours(self, host: str) -> bool:
        name = host.lower()
        if not name.endswith("]"):
            without_port, colon, port = name.rpartition(":")
            name = without_port if colon and port.isascii() and port.isdigit() else name
        if name in self._hosts:
            return True
        try:
            is_loopback = ipaddress.ip_address(name.strip("[]")).is_loopback
        except ValueError:
            return False
        if is_loopback and len(self._hosts) < 64:
            self._hosts.add(name)
        return is_loopback


def _target(request: BaseRequest) -> str:
    target = request.raw_path
    # The absolute form, `GET http://host/path`, is for proxies but must be understood.
    return target if target.startswith("/") else request.rel_url.raw_path_qs


def _check_origin(request: BaseRequest) -> None:
    """Refuse what a page of another site makes a browser send: no JSON needs a preflight with a form."""
    headers = request.headers
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site not in {"same-origin", "none"}:
        raise Problem("cross-site", "A browser sent this for another site.")
    origin = headers.get("Origin")
    if origin is not None and origin.partition("://")[2].lower() != headers.get("Host", "").lower():
        raise Problem("cross-site", "A browser sent this for another site.")


def problem_answer(problem: Problem, identity: str) -> Answer:
    """The answer that a problem is."""
    return Answer(
        problem.kind.status,
        orjson.dumps(problem.document(identity)),
        content_type=PROBLEM,
        headers=problem.headers,
        close=problem.kind.closes,
    )
