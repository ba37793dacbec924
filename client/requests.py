"""The arguments and options of a call, checked before anything is sent."""

import re
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from enum import Enum
from typing import Any
from urllib.parse import quote

from jobgate.client.errors import InvalidOption

#: Ids that the gateway accepts for new jobs. `.` and `..` mean something else in the path of a URL.
JOB_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.~-]{1,128}")

#: A duration in seconds, or as a timedelta.
Seconds = float | timedelta


class Default(Enum):
    """Default value of an argument for which None has a meaning."""

    #: The client's own `timeout`.
    TIMEOUT = "timeout"


#: How long a caller waits; None = for ever.
Timeout = Seconds | Default | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How to run a job; None = the default of gateway, function or worker. Durations are in seconds.

    The names are those of the gateway's JSON and of the broker's `JobOptions`, so options are passed by name.
    """

    #: None = the client makes one.
    job_id: str | None = None
    queue: str | None = None
    defer_by: float | None = None
    #: Aware, in UTC.
    defer_until: datetime | None = None
    expires: float | None = None
    max_tries: int | None = None
    keep_result: float | None = None
    #: How long the job may run.
    timeout: float | None = None


def job_options(  # noqa: PLR0913 - the options of a call, and how they are written
    *,
    job_id: str | None,
    queue: str | None,
    expires: Seconds | None,
    max_tries: int | None,
    keep_result: Seconds | None,
    run_timeout: Seconds | None,
    defer_by: Seconds | None = None,
    defer_until: datetime | None = None,
    mark: str = "_",
) -> Options:
    """Check the options of a call or an enqueue. In messages, their names begin with `mark`.

    Raises:
        InvalidOption: An option has a wrong value, or both deferrals are given.
    """
    if defer_by is not None and defer_until is not None:
        raise InvalidOption(f"give {mark}defer_by or {mark}defer_until, not both")
    return Options(
        job_id=None if job_id is None else check_new_id(job_id),
        queue=None if queue is None else check_name(f"{mark}queue", queue),
        defer_by=seconds(f"{mark}defer_by", defer_by),
        defer_until=_moment(mark, defer_until),
        expires=seconds(f"{mark}expires", expires),
        max_tries=_tries(mark, max_tries),
        keep_result=seconds(f"{mark}keep_result", keep_result),
        timeout=seconds(f"{mark}run_timeout", run_timeout),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A job that is to be enqueued."""

    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    options: Options
    job_id: str
    #: Random; distinguishes a retry of this request from another job with the same id.
    request_token: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def owns_id(self) -> bool:
        """Whether the client made the id. Then an existing job with this id can only be this one."""
        return self.options.job_id is None


def new_job(function: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: Options) -> NewJob:
    """Return a job with the id of the options, or with 20 letters and digits at random.

    Raises:
        InvalidOption: A keyword begins with `_` and is not an option, or the function has no name.
    """
    check_keywords(kwargs, _OPTIONS)
    check_name("the name of a function", function)
    job_id = options.job_id or b64encode(secrets.token_bytes(15), b"xZ").decode()
    return NewJob(function=function, args=args, kwargs=kwargs, options=options, job_id=job_id)


def check_new_id(job_id: object) -> str:
    """Return `job_id`; raise InvalidOption if a new job may not have it."""
    if isinstance(job_id, str) and JOB_ID.fullmatch(job_id):
        return job_id
    raise InvalidOption("the id of a new job must be 1 to 128 letters, digits and _ . ~ -, and not . or ..")


def check_job_id(job_id: object) -> str:
    """Return `job_id`; raise InvalidOption if no job can have it. Those of stock arq may have any text."""
    if isinstance(job_id, str) and job_id and quoted(job_id):
        return job_id
    raise InvalidOption("a job id must be a non-empty string")


def quoted(job_id: str) -> str:
    """Return a job's id as one segment of a URL path; raise InvalidOption if it cannot be encoded."""
    try:
        return quote(job_id, safe="", errors="surrogateescape")
    except UnicodeEncodeError:
        raise InvalidOption("a job id must be a string that can be encoded as UTF-8") from None


def check_name(what: str, name: object) -> str:
    """Return the name of a function or queue; raise InvalidOption if it is not text, with `what` it is.

    Names of a command line that is not in UTF-8 have lone surrogates, which are not text.
    """
    with suppress(UnicodeEncodeError):
        if isinstance(name, str) and name.encode():
            return name
    raise InvalidOption(f"{what} must be a non-empty string that can be encoded as UTF-8")


def in_utc(what: str, time: datetime) -> datetime:
    """Return a time in UTC; a naive one is local time. Raise InvalidOption at the ends of the calendar."""
    try:
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidOption(f"{what} is out of range") from None


def check_keywords(kwargs: Mapping[str, Any], options: Sequence[str]) -> None:
    """Refuse keywords that look like options but are not: they must not become arguments of a job.

    Args:
        kwargs: Keyword arguments for the function.
        options: Names of the options that the call has.

    Raises:
        InvalidOption: A keyword begins with `_`.
    """
    for name in kwargs:
        if name.startswith("_"):
            raise InvalidOption(
                f"{name!r} is not an option here: {_instead_of(name, options)} "
                "Arguments of a function cannot begin with '_'."
            )


def _instead_of(name: str, options: Sequence[str]) -> str:
    if name in options:  # the other method has it
        return _OF_OTHERS.get(name, "this call does not take it.")
    near = get_close_matches(name, options, n=1)
    return f"did you mean {near[0]}?" if near else f"the options are {', '.join(options)}."


#: What to do about an option that only the other one of `Client.call` and `Client.enqueue` has.
_OF_OTHERS = {
    "_defer_by": "`call` waits for the result, `enqueue` can defer.",
    "_defer_until": "`call` waits for the result, `enqueue` can defer.",
    "_timeout": "`enqueue` does not wait: give it to the job's `result(timeout=…)`, or use `_run_timeout`.",
}


#: The options of `Client.call` and `Client.enqueue`.
_OPTIONS = (
    "_job_id", "_queue", "_defer_by", "_defer_until", "_expires", "_max_tries", "_keep_result",
    "_run_timeout", "_timeout",
)  # fmt: skip


def seconds(name: str, value: Seconds | None) -> float | None:
    """Return a duration in seconds, None for None.

    Args:
        name: Name of the option, for the error message.
        value: Seconds or a timedelta, finite and not negative.

    Raises:
        InvalidOption: It is negative, not finite, or not a duration.
    """
    if value is None:
        return None
    number: object = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < float("inf"):
        return number
    raise InvalidOption(f"{name} must be 0 or more seconds, or a timedelta")


def waiting_time(name: str, value: Timeout, default: float | None) -> float | None:
    """Return how long to wait, in seconds; None = for ever.

    Args:
        name: Name of the option, for the error message.
        value: The option as given.
        default: Seconds if it was not given.
    """
    return default if isinstance(value, Default) else seconds(name, value)


def _moment(mark: str, value: object) -> datetime | None:
    """Return a time in UTC; a naive one is local time, as in arq."""
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise InvalidOption(f"{mark}defer_until must be a datetime")
    return in_utc(f"{mark}defer_until", value)


def _tries(mark: str, value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise InvalidOption(f"{mark}max_tries must be a whole number of at least 1")
