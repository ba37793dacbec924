"""Turns the JSON of `POST /bulk/…` into an order: a 422 lists all errors at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jobgate.broker import JobStatus, did_you_mean
from jobgate.gateway.arguments import json_pointer
from jobgate.gateway.auth import Caller
from jobgate.gateway.finding import ALL_QUEUES, FILTER_CHECKS, JobFilter
from jobgate.gateway.functions import QueueNames
from jobgate.gateway.http import field_errors
from jobgate.gateway.operations.bulk_order import BulkKind, BulkOrder

#: Most ids in one request; most jobs of one operation, by default and at all.
MOST_IDS: Final = 1000
LIMIT: Final = 10_000
MOST_JOBS: Final = 100_000

_MEMBERS: Final = ("ids", "filter", "dry_run", "limit")
_FILTER_MEMBERS: Final = ("queue", *FILTER_CHECKS)
_COMPLETE: Final = JobStatus.COMPLETE.value

Errors = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """What a request asks for."""

    order: BulkOrder
    #: Whether to count only.
    is_dry: bool


def bulk_request(kind: BulkKind, document: Any, caller: Caller, queues: QueueNames) -> BulkRequest:
    """Return what the body asks for.

    Args:
        kind: What is to be done.
        document: The parsed body.
        caller: Who asks.
        queues: The queues that a filter may name.

    Raises:
        Problem: 422 with all errors.
    """
    if not isinstance(document, dict):
        raise field_errors("invalid-request", [("#", "It must be an object with ids or a filter.")])
    errors: Errors = _unknown_members("#", document, _MEMBERS)
    if ("ids" in document) is ("filter" in document):
        errors.append(("#", "Give either ids or a filter."))
    ids = _ids(document["ids"], errors) if "ids" in document else None
    members = _filter(kind, document["filter"], queues, errors) if "filter" in document else {}
    is_dry = document.get("dry_run", False)
    if not isinstance(is_dry, bool):
        errors.append(("#/dry_run", "It must be true or false."))
    limit = document.get("limit", LIMIT)
    if not _is_count(limit):
        errors.append(("#/limit", f"It must be an integer from 1 to {MOST_JOBS}."))
    if errors:
        raise field_errors("invalid-request", errors)
    wanted = JobFilter.of(members, queues.default)
    rate = caller.limits.rate if caller.limits and kind is BulkKind.RETRY else None
    order = BulkOrder(
        kind=kind, ids=ids, members=members, wanted=wanted, limit=int(limit), caller=caller, rate=rate
    )
    return BulkRequest(order, is_dry)


def _unknown_members(at: str, given: Mapping[str, Any], known: tuple[str, ...]) -> Errors:
    unknown = [name for name in given if name not in known][:20]
    wrong = "No such member: there are " + ", ".join(known) + "."
    return [
        (at + json_pointer((name,)).removeprefix("#"), f"{wrong}{did_you_mean(name, known)}")
        for name in unknown
    ]


def _ids(value: Any, errors: Errors) -> list[str]:
    are_texts = isinstance(value, list) and all(isinstance(one, str) and one for one in value)
    if not are_texts or not 1 <= len(value) <= MOST_IDS:
        errors.append(("#/ids", f"It must be an array of 1 to {MOST_IDS} ids of jobs."))
        return []
    return list(dict.fromkeys(value))


def _filter(kind: BulkKind, value: Any, queues: QueueNames, errors: Errors) -> dict[str, str]:
    """Return the members of a filter as text."""
    if not isinstance(value, dict):
        errors.append(("#/filter", "It must be an object."))
        return {}
    errors += _unknown_members("#/filter", value, _FILTER_MEMBERS)
    members: dict[str, str] = {}
    for name in _FILTER_MEMBERS:
        if name not in value:
            continue
        text, wrong = _member(kind, name, value[name], queues)
        members[name] = text
        if wrong:
            errors.append((f"#/filter/{name}", wrong))
    members.setdefault("queue", queues.default)
    if kind is BulkKind.RETRY:
        # To run again what has succeeded must be asked for.
        members.setdefault("success", "false")
    return members


def _member(kind: BulkKind, name: str, value: Any, queues: QueueNames) -> tuple[str, str | None]:
    """Return a member as text, and what is wrong with it."""
    if name == "success":
        text = str(value).lower() if isinstance(value, bool) else ""
        wrong = None if text else "It must be true or false."
    elif not isinstance(value, str):
        return "", "It must be a string."
    else:
        text = value
        wrong = _why_not_queue(queues, text) if name == "queue" else FILTER_CHECKS[name](text)
    return text, wrong or _why_not_here(kind, name, text)


def _why_not_queue(queues: QueueNames, name: str) -> str | None:
    return None if name == ALL_QUEUES else queues.why_not(name)


def _why_not_here(kind: BulkKind, name: str, text: str) -> str | None:
    if kind is BulkKind.RETRY:
        is_open = name == "status" and text != _COMPLETE
        return (
            "Only finished jobs can be retried: leave status out, or set it to complete." if is_open else None
        )
    if name in {"success", "code", "error_type"} or (name == "status" and text == _COMPLETE):
        return "A finished job cannot be aborted: leave it out."
    return None


def _is_count(value: Any) -> bool:
    # JSON has one type of number: 3.0 is an integer.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and value % 1 == 0 and 1 <= value <= MOST_JOBS
