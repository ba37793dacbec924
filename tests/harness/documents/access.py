"""Who may do what: the table that `test_access.py` runs and docs/keys.md shows. Each route has one row."""

from collections.abc import Iterator
from dataclasses import dataclass

#: All scopes; `enqueue:f` stands for those of functions.
SCOPES = ("enqueue:f", "read", "read:*", "inspect", "abort", "operate", "metrics")
#: Limits of a key, with the status of a request that is beyond them.
LIMITS = {"rate": 429, "pending": 429, "waits": 429, "max_body": 413}


@dataclass(frozen=True, kw_only=True)
class Access:
    """What one route answers to whom."""

    #: Name of the route.
    route: str
    #: The scopes that are needed, all of them; empty = any key will do.
    scopes: tuple[str, ...] = ()
    #: Scopes of which one does instead.
    instead: tuple[str, ...] = ()
    #: Scopes that include one of `scopes`.
    implying: tuple[str, ...] = ()
    #: Whether no key is needed.
    is_open: bool = False
    #: Status for a key without the scopes.
    refused: int = 403
    #: Status for an own job, or where there is no job.
    own: int = 200
    #: Status for another caller's job, and for an id that no job has; None = there is no job.
    others: int | None = None
    unknown: int | None = None
    #: Scopes with which another caller's job is treated as an own one.
    all_jobs: tuple[str, ...] = ()
    #: The limits that count.
    limits: tuple[str, ...] = ()
    #: What the docs say of it.
    note: str = ""


OF_OPERATIONS = "With `operate` also for bulk operations that the key has begun."


def of_job(route: str, *limits: str, own: int = 200) -> Access:
    """Return the row of a route that reads one job."""
    return Access(
        route=route,
        scopes=("read",),
        instead=("read:*",),
        own=own,
        others=404,
        unknown=404,
        all_jobs=("read:*",),
        limits=limits,
        note=OF_OPERATIONS,
    )


def of_all(route: str, *, unknown: int | None = None) -> Access:
    """Return the row of a route that shows what all callers do."""
    return Access(route=route, scopes=("read:*",), instead=("operate",), unknown=unknown)


TABLE = (
    Access(route="enqueue", scopes=("enqueue:f",), own=202, limits=("rate", "pending", "waits", "max_body")),
    Access(
        route="enqueue_many",
        scopes=("enqueue:f",),
        own=202,
        limits=("rate", "pending", "max_body"),
        note="Scopes, `rate` and `pending` count for each job by itself.",
    ),
    Access(
        route="jobs",
        scopes=("read",),
        instead=("read:*",),
        others=404,
        all_jobs=("read:*",),
        note="404: the list does not contain that job.",
    ),
    of_job("status", "waits"),
    of_job("result", "waits", own=202),
    of_job("job_events", "waits"),
    Access(
        route="failures",
        scopes=("read",),
        instead=("read:*",),
        note="Counts the caller's own jobs; with `read:*` all jobs.",
    ),
    Access(
        route="events",
        scopes=("read",),
        instead=("read:*",),
        limits=("waits",),
        note="Shows the caller's own jobs; with `read:*` all jobs.",
    ),
    Access(
        route="abort",
        scopes=("abort",),
        others=404,
        unknown=404,
        all_jobs=("abort", "read:*"),
        limits=("waits",),
        note=OF_OPERATIONS,
    ),
    Access(
        route="retry",
        scopes=("read", "enqueue:f"),
        instead=("operate",),
        implying=("read:*",),
        own=202,
        others=404,
        unknown=404,
        all_jobs=("operate",),
        limits=("rate", "pending"),
        note="Limits count for own jobs. With `read:*` alone, another caller's job is answered 403.",
    ),
    Access(
        route="bulk_retry",
        scopes=("read",),
        instead=("operate",),
        implying=("read:*",),
        own=202,
        limits=("rate", "pending", "max_body"),
        note="It retries the caller's own jobs, each with a scope `enqueue:…`; with `operate` all jobs.",
    ),
    Access(
        route="bulk_abort",
        scopes=("abort",),
        instead=("operate",),
        own=202,
        limits=("rate", "pending", "max_body"),
        note="It aborts the caller's own jobs; with `operate` all jobs.",
    ),
    Access(route="functions", note="Shows the functions that `enqueue:` scopes match."),
    Access(route="function", scopes=("enqueue:f",), refused=404, unknown=404),
    of_all("times", unknown=404),
    of_all("queues"),
    of_all("queue"),
    of_all("workers"),
    of_all("worker", unknown=404),
    of_all("schedules"),
    Access(route="pause", scopes=("operate",)),
    Access(route="resume", scopes=("operate",)),
    Access(route="metrics", scopes=("metrics",)),
    Access(route="key"),
    Access(route="openapi", note="Has the functions that `enqueue:` scopes match."),
    Access(route="ui", is_open=True),
    Access(route="docs", is_open=True),
    Access(route="ui_file", is_open=True),
    Access(route="livez", is_open=True),
    Access(route="readyz", is_open=True),
)

HEAD = (
    "| request | scope | without it | own job | other's job | unknown | limits |",
    "|---|---|---|---|---|---|---|",
)


def documented(places: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the table in docs/keys.md.

    Args:
        places: Method and path of each route by its name.
    """
    yield from HEAD
    for row in TABLE:
        scope, refused = _scope(row), f"{row.refused}" if row.scopes else "–"
        others = _status(row.others)
        if row.all_jobs:
            others += f"; with {_listed(row.all_jobs[-1:])} {row.own}"
        cells = (
            f"`{places[row.route]}`", scope, refused, f"{row.own}", others, _status(row.unknown),
            _listed(row.limits) or "–",
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    for row in TABLE:
        if row.note:
            yield f"- `{places[row.route]}`: {row.note}"


def _scope(row: Access) -> str:
    if row.is_open:
        return "no key needed"
    names = _listed(tuple(scope.replace("enqueue:f", "enqueue:…") for scope in row.scopes))
    return " or ".join(filter(None, (names, *map(_code, row.instead)))) or "any key"


def _status(status: int | None) -> str:
    return "–" if status is None else f"{status}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(_code, names))


def _code(name: str) -> str:
    return f"`{name}`"
