"""`GET /failures`: how many jobs failed, by function and error, and when."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jobgate.broker import COUNTING, CountedFailures, Failure, FailureGroup, InvalidCursor
from jobgate.gateway.context import Call
from jobgate.gateway.finding import (
    ALL_QUEUES,
    FILTER_CHECKS,
    JobFilter,
    Part,
    Place,
    why_not_cursor,
    why_not_listed,
)
from jobgate.gateway.http import Answer, check_limit, field_errors, page_limit, read_query
from jobgate.gateway.jobs import moment, shown, to_json

#: Longest time in seconds for which a count may be shown again.
_OLDEST: Final = 3600
_SECONDS: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE: Final = re.compile(r"[0-9]{1,4}")


def _check_within(text: str) -> str | None:
    if _SECONDS.fullmatch(text) and 0 < float(text) <= COUNTING:
        return None
    return f"It must be a number of seconds above 0, at most {COUNTING:g}."


def _check_max_age(text: str) -> str | None:
    if _WHOLE.fullmatch(text) and int(text) <= _OLDEST:
        return None
    return f"It must be a whole number of seconds from 0 to {_OLDEST}."


_CHECKS: Final = {
    **{name: FILTER_CHECKS[name] for name in ("function", "code", "error_type", "since", "until")},
    "limit": check_limit,
    "cursor": why_not_cursor,
    "within": _check_within,
    "max_age": _check_max_age,
}


async def failures(call: Call) -> Answer:
    """Answer 200 with the failures that the caller may see, counted by function and error."""
    call.caller.require("read")
    queues = call.gateway.queues
    given = read_query(call.query, {"queue": lambda name: why_not_listed(queues, name), **_CHECKS})
    wanted = JobFilter.of({"queue": ALL_QUEUES, "success": "false", **given}, queues.default)
    place = Place.read(given["cursor"]) if given.get("cursor") else Place(Part.FINISHED)
    groups = page_limit(given)
    try:
        if place.part is not Part.FINISHED:
            raise InvalidCursor
        counted = await call.gateway.failures.count(
            wanted,
            place.cursor,
            owner=call.caller.only_owner,
            examples=groups,
            within=float(given.get("within", COUNTING)),
            max_age=int(given["max_age"]) if "max_age" in given else None,
        )
    except InvalidCursor as error:
        raise field_errors(
            "invalid-request", [("?cursor", "It is not the next_cursor of an earlier count.")]
        ) from error
    return Answer.shared(call.gateway.unsent.hold(to_json(_document(counted, wanted, groups))))


def _document(counted: CountedFailures, wanted: JobFilter, most: int) -> dict[str, Any]:
    groups = counted.groups
    steps = counted.steps(wanted.since_ms, wanted.until_ms)
    # Each time is looked at once: there may be 100,000, for a page that stays open.
    series = [steps.count(group.times_ms) for group in groups]
    return {
        "failed": sum(group.number for group in groups),
        "retried": sum(group.retried for group in groups),
        "start": moment(steps.start_ms),
        "step": steps.step_ms // 1000,
        "series": [sum(each) for each in zip(steps.count(()), *series, strict=True)],
        "groups": [_group(*each, counted.errors) for each in zip(groups[:most], series, strict=False)],
        "other_groups": max(len(groups) - most, 0),
        "next_cursor": str(Place(Part.FINISHED, counted.following)) if counted.following else "",
    }


def _group(group: FailureGroup, series: Sequence[int], errors: Mapping[str, Failure]) -> dict[str, Any]:
    newest, error = group.newest, errors.get(group.newest.job_id)
    return {
        "function": shown(group.function),
        "error": {
            "type": shown(group.type),
            "message": shown(error.message) if error else None,
            "code": group.code.value,
        },
        "failed": group.number,
        "retried": group.retried,
        "first_time": moment(group.oldest_ms),
        "last_time": moment(newest.finish_time_ms),
        "job_id": shown(newest.job_id),
        "queue": shown(newest.queue),
        "series": series,
    }
