"""The table of all routes. A test keeps it equal to `openapi.yaml`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote

from jobgate.gateway.batch import enqueue_many
from jobgate.gateway.context import Call
from jobgate.gateway.fleet import pause, queue, queues, resume, schedules, times, worker, workers
from jobgate.gateway.handlers import (
    all_events,
    bulk_abort,
    bulk_retry,
    docs,
    failures,
    function,
    functions,
    job_events,
    key,
    livez,
    metrics,
    openapi,
    readyz,
    ui,
    ui_file,
)
from jobgate.gateway.http import Answer, Problem
from jobgate.gateway.jobs import abort, enqueue, jobs, result, retry, status

Handler = Callable[[Call], Awaitable[Answer]]


class Query(Enum):
    """What becomes of the query of a request."""

    #: There are no parameters: 422 for any.
    NONE = auto()
    #: The handler reads it, and refuses parameters that it does not know.
    READ = auto()
    #: Anything may be there, as in links to pages; a probe that is refused would look like a failure.
    IGNORED = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    #: The label in metrics, and the operation's id in `openapi.yaml`.
    name: str
    method: str
    #: At most one parameter, `{…}`, which is the second segment, or all that follows the first one.
    path: str
    handle: Handler
    #: Whether it is answered without a key although keys are in use.
    is_open: bool = False
    #: Whether the handler itself uses `Call.deadline`, because it makes several calls to Redis.
    keeps_time: bool = False
    #: Whether the parameter is the rest of the path, with its slashes.
    takes_rest: bool = False
    query: Query = Query.NONE


#: The pages for browsers, which `no_ui` switches off.
PAGES: Final = (
    Route("ui", "GET", "/", ui, is_open=True, query=Query.IGNORED),
    Route("docs", "GET", "/docs", docs, is_open=True, query=Query.IGNORED),
    Route("ui_file", "GET", "/ui/{file}", ui_file, is_open=True, takes_rest=True, query=Query.IGNORED),
)

ROUTES: Final = (
    Route("enqueue", "POST", "/jobs/{function}", enqueue, keeps_time=True, query=Query.READ),
    Route("enqueue_many", "POST", "/jobs", enqueue_many, keeps_time=True, query=Query.READ),
    Route("jobs", "GET", "/jobs", jobs, query=Query.READ),
    Route("status", "GET", "/jobs/{job_id}/status", status, query=Query.READ),
    Route("result", "GET", "/jobs/{job_id}/result", result, query=Query.READ),
    Route("abort", "POST", "/jobs/{job_id}/abort", abort, query=Query.READ),
    Route("job_events", "GET", "/jobs/{job_id}/events", job_events, keeps_time=True),
    Route("events", "GET", "/events", all_events, keeps_time=True, query=Query.READ),
    Route("retry", "POST", "/jobs/{job_id}/retry", retry),
    Route("bulk_retry", "POST", "/bulk/retry", bulk_retry),
    Route("bulk_abort", "POST", "/bulk/abort", bulk_abort),
    Route("livez", "GET", "/livez", livez, is_open=True, query=Query.IGNORED),
    Route("readyz", "GET", "/readyz", readyz, is_open=True, query=Query.IGNORED),
    Route("metrics", "GET", "/metrics", metrics),
    Route("failures", "GET", "/failures", failures, query=Query.READ),
    Route("functions", "GET", "/functions", functions),
    Route("function", "GET", "/functions/{function}", function),
    Route("times", "GET", "/functions/{function}/times", times),
    Route("queues", "GET", "/queues", queues, query=Query.READ),
    Route("queue", "GET", "/queues/{queue}", queue),
    Route("pause", "POST", "/queues/{queue}/pause", pause),
    Route("resume", "POST", "/queues/{queue}/resume", resume),
    Route("workers", "GET", "/workers", workers, query=Query.READ),
    Route("worker", "GET", "/workers/{worker}", worker),
    Route("key", "GET", "/key", key),
    Route("schedules", "GET", "/schedules", schedules, query=Query.READ),
    Route("openapi", "GET", "/openapi.json", openapi),
    *PAGES,
)

#: The routes of the metrics port, which needs no key.
METRICS_ROUTES: Final = (
    Route("livez", "GET", "/livez", livez, is_open=True, query=Query.IGNORED),
    Route("metrics", "GET", "/metrics", metrics, is_open=True),
)


#: Without this, a caller who looks for a job at /jobs/<id> would be led to enqueue a function of that name.
_PARTS_OF_A_JOB: Final = (
    " (POST /jobs/<function> enqueues; of a job there are GET /jobs/<id>/status, GET /jobs/<id>/result, "
    "GET /jobs/<id>/events, POST /jobs/<id>/abort and POST /jobs/<id>/retry)"
)


class Router:
    """Finds the route of a request. GET routes answer HEAD, too.

    Args:
        routes: The routes that are served.
        base_path: What stands before the path of each, such as `/jobgate`.
    """

    def __init__(self, routes: tuple[Route, ...] = ROUTES, *, base_path: str = "") -> None:
        self.base_path = base_path
        self._fixed: dict[str, dict[str, Route]] = {}
        self._named: dict[tuple[str, str], dict[str, Route]] = {}
        self._resting: dict[str, dict[str, Route]] = {}
        for route in routes:
            methods = self._methods_of(route)
            methods[route.method] = route
            if route.method == "GET":
                methods["HEAD"] = route

    def _methods_of(self, route: Route) -> dict[str, Route]:
        if "{" not in route.path:
            return self._fixed.setdefault(route.path, {})
        head, _, rest = route.path[1:].partition("/")
        if route.takes_rest:
            return self._resting.setdefault(head, {})
        return self._named.setdefault((head, rest.partition("/")[2]), {})

    def find(self, method: str, path: str) -> tuple[Route, str]:
        """Return the route, and the value of its parameter, decoded.

        Args:
            method: As sent.
            path: As sent, without the query.

        Raises:
            Problem: 404 if there is nothing at the path, 405 if it has other methods.
        """
        if self.base_path:
            path = self._below_base(path)
        name = ""
        methods = self._fixed.get(path)
        if methods is None:
            head, _, rest = path[1:].partition("/")
            name, slash, tail = rest.partition("/")
            methods = self._named.get((head, tail)) if name and bool(slash) == bool(tail) else None
            if methods is None and rest and head in self._resting:
                methods, name = self._resting[head], rest
        if methods is None:
            raise self._nothing()
        route = methods.get(method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            detail = f"Use {allowed}{_PARTS_OF_A_JOB if path.startswith('/jobs') else ''}."
            raise Problem("method-not-allowed", detail, headers={"Allow": allowed})
        return route, unquote(name, errors="surrogateescape") if "%" in name else name

    def leads_to_page(self, method: str, path: str) -> bool:
        """Whether this is the base path without its slash, as people type it, and there is a dashboard."""
        return bool(self.base_path) and path == self.base_path and method in self._fixed.get("/", ())

    def _below_base(self, path: str) -> str:
        if not path.startswith(f"{self.base_path}/"):
            raise self._nothing()
        return path[len(self.base_path) :]

    def _nothing(self) -> Problem:
        base = self.base_path
        pages = f"{base}/docs for all functions, and " if "/docs" in self._fixed else ""
        return Problem("not-found", f"See {pages}{base}/openapi.json for all paths.")
