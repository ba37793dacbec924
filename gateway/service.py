"""What the gateway does with each request: find its route and its caller, call the handler, count and log."""

from collections.abc import Awaitable
from typing import Final

from aiohttp.web import BaseRequest

from jobgate.broker import BrokerError, without_secrets
from jobgate.gateway.auth import Caller, Keys
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.deadline import RedisDeadline
from jobgate.gateway.http import (
    AUTHORIZATION,
    Answer,
    Problem,
    check_origin,
    field_errors,
    log_access,
    target_of,
)
from jobgate.gateway.jobs import broker_problem, rate_limit_headers
from jobgate.gateway.routes import Query, Router

#: The route, in metrics and logs, of a request that has none.
UNMATCHED: Final = "unmatched"
#: The status, in metrics, of a request whose client hung up before it was answered.
CLIENT_GONE: Final = 499
_MALFORMED: Final = 400
#: Query parameters whose values the access log shows.
_SHOWN: Final = frozenset(
    {"wait", "queue", "status", "success", "code", "function", "since", "until", "scan", "cursor", "limit"}
)
#: Most characters of an unknown name that are logged; valid names are never longer.
_LONGEST_NAME: Final = 128


class GatewayService:
    """Answers the requests that come through a door.

    Args:
        gateway: The gateway.
        router: The routes that are served.
    """

    def __init__(self, gateway: Gateway, router: Router) -> None:
        self._gateway = gateway
        self._router = router
        self._keys = gateway.keys

    @property
    def is_draining(self) -> bool:
        """Whether the gateway is shutting down."""
        return self._gateway.is_draining

    def begin(self, request: BaseRequest) -> Call:
        """Return the call for a request."""
        return Call(self._gateway, request, RedisDeadline(self._gateway.settings.redis_deadline))

    def answer(self, call: Call, request_id: str) -> Awaitable[Answer]:
        """Answer a call; raises `Problem`."""
        if base := self._router.base_path:
            return self._answer_below(base, call, request_id)
        return self._answer(call, request_id)

    async def _answer_below(self, base: str, call: Call, request_id: str) -> Answer:
        try:
            if self._router.leads_to_page(call.request.method, target_of(call.request)[0]):
                call.route, answer = "ui", Answer(308, headers={"Location": "/"})
            else:
                answer = await self._answer(call, request_id)
        except Problem as problem:
            problem.headers = _below(base, problem.headers)
            raise
        answer.headers = _below(base, answer.headers)
        return answer

    async def _answer(self, call: Call, request_id: str) -> Answer:
        call.request_id = request_id
        path, call.query = target_of(call.request)
        route, call.name = self._router.find(call.request.method, path)
        call.route, call.path = route.name, route.path
        if route.method == "POST":
            check_origin(call.request, self._gateway.proxies.hosts_of)
        if not (self._keys is None or route.is_open):
            call.caller = self._caller(self._keys, call.request)
        if call.query and route.query is Query.NONE:
            raise field_errors("invalid-request", [("?", "There are no query parameters.")])
        try:
            handled = route.handle(call)
            answer = await (handled if route.keeps_time else call.deadline.within(handled))
        except BrokerError as error:
            raise broker_problem(error) from error
        except Problem as problem:
            if call.allowance is not None:
                problem.headers |= rate_limit_headers(call.allowance)
            raise
        if call.allowance is not None:
            answer.headers = answer.headers | rate_limit_headers(call.allowance)
        return answer

    def _caller(self, keys: Keys, request: BaseRequest) -> Caller:
        """Return the caller with the request's key; raises `Problem` 401, after too many wrong keys 429."""
        authorization = request.headers.get(AUTHORIZATION)
        try:
            return keys.caller(authorization)
        except Problem as problem:
            if authorization is not None and problem.code == "unauthorized":
                self._gateway.bad_keys.count(self._gateway.proxies.client_of(request))
            raise

    def end(self, call: Call, answer: Answer | None, seconds: float) -> None:
        """Count a call, and log it if it was answered."""
        status = CLIENT_GONE if answer is None else answer.status
        self._gateway.meter.request(call.route or UNMATCHED, status, seconds)
        if answer is not None and self._gateway.settings.access_log:
            _log(call, answer, seconds)

    def refused(self, status: int) -> None:
        """Count a request that could not be parsed."""
        if status == _MALFORMED:
            self._gateway.meter.malformed()
        self._gateway.meter.request(UNMATCHED, status, 0.0)


def _below(base: str, headers: dict[str, str]) -> dict[str, str]:
    """Return headers whose `Location`, where there is one, begins with the base path."""
    location = headers.get("Location")
    return headers if location is None else {**headers, "Location": base + location}


def _log(call: Call, answer: Answer, seconds: float) -> None:
    named = without_secrets(call.name)[:_LONGEST_NAME]
    log_access(
        call.request,
        answer,
        seconds=seconds,
        route=call.route or UNMATCHED,
        shown=_SHOWN,
        client=call.client,
        caller=call.caller.name,
        function=named if "{function}" in call.path else None,
        job_id=named if "{job_id}" in call.path else call.job_id,
    )
