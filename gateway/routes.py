"""Which path is answered by what: one table. `openapi.yaml` says the same, and a test holds them equal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.handlers.abort import abort
from jobgate.gateway.handlers.enqueue import enqueue
from jobgate.gateway.handlers.health import livez, metrics, openapi, readyz
from jobgate.gateway.handlers.jobs import result, status
from jobgate.gateway.handlers.lists import jobs
from jobgate.gateway.http.answers import Answer
from jobgate.gateway.http.problems import Problem

Handler = Callable[[Gateway, Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    #: The label in metrics, and the operation's id in `openapi.yaml`.
    name: str
    method: str
    #: At most one variable part, `{…}`, which is the second.
    path: str
    handle: Handler
    #: Answered without a key although keys are in use.
    is_open: bool = False
    #: The handler itself sees to `Call.in_time`, where it asks Redis more than one thing.
    keeps_time: bool = False


ROUTES: Final = (
    Route("enqueue", "POST", "/jobs/{function}", enqueue, keeps_time=True),
    Route("jobs", "GET", "/jobs", jobs),
    Route("status", "GET", "/jobs/{job_id}/status", status),
    Route("result", "GET", "/jobs/{job_id}/result", result),
    Route("abort", "POST", "/jobs/{job_id}/abort", abort),
    Route("livez", "GET", "/livez", livez, is_open=True),
    Route("readyz", "GET", "/readyz", readyz, is_open=True),
    Route("metrics", "GET", "/metrics", metrics),
    Route("openapi", "GET", "/openapi.json", openapi),
)

#: What is served on the metrics port, where no keys are asked for.
METRICS_ROUTES: Final = (
    Route("livez", "GET", "/livez", livez, is_open=True),
    Route("metrics", "GET", "/metrics", metrics, is_open=True),
)


#: Whoever looks for a job at /jobs/<id> must not be led to enqueue a function of that name.
_PARTS_OF_A_JOB: Final = (
    " (POST /jobs/<function> enqueues; of a job there are GET /jobs/<id>/status, GET /jobs/<id>/result "
    "and POST /jobs/<id>/abort)"
)


class Router:
    """Finds the route of a request. GET routes answer HEAD as well."""

    def __init__(self, routes: tuple[Route, ...] = ROUTES) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._named: dict[tuple[str, str], dict[str, Route]] = {}
        for route in routes:
            methods = self._methods_of(route.path)
            methods[route.method] = route
            if route.method == "GET":
                methods["HEAD"] = route

    def _methods_of(self, path: str) -> dict[str, Route]:
        if "{" not in path:
            return self._fixed.setdefault(path, {})
        head, _, rest = path[1:].partition("/")
        return self._named.setdefault((head, rest.partition("/")[2]), {})

    def find(self, method: str, path: str) -> tuple[Route, str]:
        """The route and the variable part of `path`, decoded; raises `Problem` 404 or 405.

        `path` is as sent, without the query.
        """
        name = ""
        methods = self._fixed.get(path)
        if methods is None:
            head, _, rest = path[1:].partition("/")
            name, slash, tail = rest.partition("/")
            methods = self._named.get((head, tail)) if name and bool(slash) == bool(tail) else None
        if methods is None:
            raise Problem("not-found", "See /openapi.json for what there is.")
        route = methods.get(method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            detail = f"Use {allowed}{_PARTS_OF_A_JOB if path.startswith('/jobs') else ''}."
            raise Problem("method-not-allowed", detail, headers=f"Allow: {allowed}\r\n")
        return route, unquote(name, errors="surrogateescape") if "%" in name else name
