"""Access to jobs: which of them a caller may see, and reading them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from jobgate.broker import DataSetChanged, DecodeError, JobView
from jobgate.gateway.context import Call
from jobgate.gateway.http import Problem
from jobgate.gateway.jobs.broker_problems import broker_problem

#: Codes of problems that mean that a job does not exist, or no longer.
GONE: Final = frozenset({"job-not-found", "result-not-kept"})


async def require_for_job(call: Call, scope: str) -> str:
    """Return the scope by which the caller may use the job that the request names.

    Args:
        call: The request.
        scope: The scope that is needed. For an operation that the caller has begun, `operate` is enough.

    Raises:
        Problem: 403 if the caller has neither, whether or not there is such a job.
    """
    try:
        call.caller.require(scope)
    except Problem:
        if not (call.caller.operates and await _has_begun(call)):
            raise
        return "operate"
    return scope


async def _has_begun(call: Call) -> bool:
    """Whether the request names an operation on many jobs that the caller has begun."""
    view = await call.gateway.looks.view(call.name, owner=call.caller.name)
    return (
        view is not None and view.queue == call.gateway.queues.operations and view.owner == call.caller.name
    )


async def visible_job(call: Call, *, waits: bool = False) -> JobView:
    """Return the job that the request names.

    Args:
        call: The request.
        waits: Whether the caller waits for it, so that an outcome which is not kept is shown, too.

    Raises:
        Problem: 404 if there is no such job for the caller.
    """
    view = await job_if_visible(call, waits=waits)
    if view is None:
        raise no_such_job()
    return view


async def job_if_visible(call: Call, *, waits: bool) -> JobView | None:
    """Return the job as `visible_job` does; None if there is none for the caller."""
    # With the owner, so that the response time does not reveal whether somebody else's job exists.
    view = await call.gateway.looks.view(call.name, waits=waits, owner=call.caller.only_owner)
    return view if view is not None and may_see(call, view) else None


def no_such_job() -> Problem:
    """Return the problem of a job that does not exist for the caller."""
    return Problem("job-not-found", "It was never enqueued, or its result is no longer kept.")


def may_see(call: Call, view: JobView) -> bool:
    """Whether a job exists for the caller."""
    return call.caller.sees(view.owner)


def is_for(call: Call, owner: str | None) -> bool:
    """Whether a job of this owner may be the one that the caller has waited for.

    In the meantime its id may have been reused for somebody else's job. Stock arq's workers store no owner,
    and the outcome of a job whose body was lost has none.
    """
    return owner is None or call.caller.sees(owner)


def require_readable(view: JobView) -> None:
    """Raise `Problem` 410 if the job has finished and its result cannot be read."""
    if view.is_unreadable:
        raise broker_problem(DecodeError())


@contextmanager
def loss_reported(call: Call) -> Iterator[None]:
    """Raise `Problem` 404 `data-set-changed` for a job that disappears because Redis loses its data."""
    data_set = call.gateway.broker.data_set
    before = data_set.known
    try:
        yield
    except Problem as problem:
        if problem.code in GONE and data_set.changed_since(before):
            raise broker_problem(DataSetChanged()) from None
        raise
