"""Which jobs a list or a bulk operation selects, checked before anything is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final, Literal, TypedDict

from jobgate.client.errors import InvalidOption
from jobgate.client.info import JobStatus
from jobgate.client.requests import check_name, in_utc


class RetryFilters(TypedDict, total=False):
    """Which finished jobs a `bulk_retry` selects: failed ones, unless `success` is True."""

    #: The default queue by default; `*` = all queues in use.
    queue: str
    #: True = jobs that succeeded.
    success: bool
    #: Why they failed: a code of `JobFailed`.
    code: str
    #: Name of the exception's class.
    error_type: str
    function: str
    #: When they ended, both included; a time without a zone is local time.
    since: datetime
    until: datetime


class AbortFilters(TypedDict, total=False):
    """Which jobs a `bulk_abort` selects: those that wait or run."""

    #: The default queue by default; `*` = all queues in use.
    queue: str
    #: `deferred`, `queued` or `in_progress`; all three by default.
    status: JobStatus | str
    function: str
    #: When they are due, both included; a time without a zone is local time.
    since: datetime
    until: datetime


class FailureFilters(TypedDict, total=False):
    """Which failures `failures` counts."""

    #: All queues in use by default.
    queue: str
    #: A code of `JobFailed`. Jobs that were aborted are counted with `aborted` only.
    code: str
    #: Name of the exception's class.
    error_type: str
    function: str
    #: When they ended, both included; a time without a zone is local time.
    since: datetime
    until: datetime


class JobFilters(RetryFilters, total=False):
    """Which jobs `jobs` lists."""

    status: JobStatus | str
    #: `due` = jobs that wait or run first, by due time; `newest` = all in one list, the latest first.
    order: Literal["due", "newest"]
    #: True = find finished jobs by a scan of all keys, in no order, also those of stock arq workers.
    scan: bool


_TEXTS: Final = frozenset({"queue", "code", "error_type", "function"})
_TIMES: Final = frozenset({"since", "until"})


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Jobs of one queue, or of all; None = any. The names are those of the HTTP API."""

    queue: str | None = None
    status: JobStatus | None = None
    success: bool | None = None
    code: str | None = None
    error_type: str | None = None
    function: str | None = None
    order: str | None = None
    #: Of the end of finished jobs, and of the due time of others.
    since: datetime | None = None
    until: datetime | None = None
    scan: bool | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any], known: type[Any]) -> "JobFilter":
        """Return the filter with these members.

        Args:
            given: The members by name; None counts as not given.
            known: The TypedDict that has all names.

        Raises:
            InvalidOption: A name is unknown, or a value is wrong.
        """
        names = sorted(known.__optional_keys__)
        return cls(**{name: _value(name, value, names) for name, value in given.items() if value is not None})

    def members(self) -> dict[str, str | bool]:
        """Return what is given, as the HTTP API writes it."""
        given = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in given.items()
            if value is not None
        }


def _value(name: str, value: Any, names: list[str]) -> Any:
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
        raise InvalidOption(f"{name!r} is not a filter here: {hint}")
    if name in _TIMES:
        if isinstance(value, datetime):
            return in_utc(name, value)
        raise InvalidOption(f"{name} must be a datetime")
    if name == "status":
        return _status(value)
    if name == "order":
        return _order(value)
    if name in _TEXTS:
        return check_name(name, value)
    if isinstance(value, bool):
        return value
    raise InvalidOption(f"{name} must be True or False")


def _order(value: Any) -> str:
    if value in ("due", "newest"):
        return str(value)
    raise InvalidOption("order must be due or newest")


def _status(value: Any) -> JobStatus:
    try:
        return JobStatus(value)
    except ValueError:
        raise InvalidOption(f"status must be {', '.join(JobStatus)}") from None
