"""Enqueues a limited number of jobs together, and makes one result for each, in order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from jobgate.broker import BrokerError, Enqueued, FunctionDocument, JobRequest
from jobgate.gateway.batch.items import Item
from jobgate.gateway.batch.results import Result, enqueued_result, problem_result, replayed_result
from jobgate.gateway.batch.turns import in_turns
from jobgate.gateway.context import Call
from jobgate.gateway.deadline import RedisDeadline
from jobgate.gateway.http import Problem
from jobgate.gateway.jobs import (
    broker_problem,
    counted,
    enqueue_problem,
    offered,
    replayed_job,
    require_acceptable,
)

#: Existing jobs that are read at the same time: their results may be large.
_LOOKS: Final = 8

#: How old the knowledge of live workers may be, in seconds: one look at Redis answers for many jobs.
_FRESH: Final = 1.0

#: A result, or what reads the job that it is about.
Found = Result | Callable[[], Awaitable[Result]]


async def results(call: Call, items: Sequence[Item]) -> list[Result]:
    """Return one result for each job; raises nothing but `CancelledError`.

    A cancellation cuts no job in half: each has been enqueued, or has not.
    """
    checked = await _checked(call, items)
    requests = [item for item in checked if isinstance(item, JobRequest)]
    answers = iter(await call.gateway.broker.enqueue_many(requests))
    found: list[Found] = [
        problem_result(call, item) if isinstance(item, Problem) else _result(call, item, next(answers))
        for item in checked
    ]
    return await _looked_up(found)


async def _checked(call: Call, items: Sequence[Item]) -> Sequence[Item]:
    """Replace the jobs that live workers do not accept by what is wrong with them."""
    arguments = call.gateway.arguments
    offers: dict[tuple[str, str | None], Sequence[FunctionDocument] | None] = {}
    checked = list(items)
    async for place, request in in_turns(enumerate(items)):
        if isinstance(request, JobRequest):
            function = (request.function, request.options.queue)
            if function not in offers:
                offers[function] = offered(call, request)
            versions = offers[function]
            if versions is None or not arguments.accepts(versions, request.args, request.kwargs):
                checked[place] = await _acceptable(call, request)
    return checked


async def _acceptable(call: Call, request: JobRequest) -> Item:
    deadline = RedisDeadline(call.gateway.settings.redis_deadline)
    try:
        await deadline.within(require_acceptable(call, request, max_age=_FRESH))
    except Problem as problem:
        return problem
    except BrokerError as error:
        return broker_problem(error)
    return request


def _result(call: Call, request: JobRequest, answer: Enqueued | BrokerError) -> Found:
    if isinstance(answer, BrokerError):
        return problem_result(call, enqueue_problem(call, request, answer))
    try:
        counted(call, request, answer)
    except Problem as problem:
        return problem_result(call, problem)
    return enqueued_result(request, answer) if answer.created else partial(_existing, call, request, answer)


async def _existing(call: Call, request: JobRequest, enqueued: Enqueued) -> Result:
    deadline = RedisDeadline(call.gateway.settings.redis_deadline)
    try:
        job = await deadline.within(replayed_job(call, request, enqueued))
    except Problem as problem:
        return problem_result(call, problem)
    except BrokerError as error:
        return problem_result(call, broker_problem(error))
    return replayed_result(job)


async def _looked_up(found: Sequence[Found]) -> list[Result]:
    """Return the results; jobs that were there before are read, some at a time."""
    looks = [each for each in found if not isinstance(each, bytes)]
    seen: list[Result] = []
    for start in range(0, len(looks), _LOOKS):
        seen += await asyncio.gather(*(look() for look in looks[start : start + _LOOKS]))
    in_order = iter(seen)
    return [each if isinstance(each, bytes) else next(in_order) for each in found]
