"""What a caller asks for, checked before anything is sent."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from enum import Enum
from typing import Any
from urllib.parse import quote

from jobgate.client.errors import InvalidOption

#: Ids that the gateway accepts for new jobs.
#: `.` and `..` are left out because URLs take them for steps between folders.
JOB_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.~-]{1,128}")

#: A length of time in seconds, or as a timedelta.
Seconds = float | timedelta


class Default(Enum):
    """What an argument has that was not given, where None means something."""

    #: The client's own `timeout`.
    TIMEOUT = "timeout"


#: How long a caller waits: None = for ever.
Timeout = Seconds | Default | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a job is to be run; None = the default of gateway, function or worker. Durations in seconds."""

    #: None: the client makes one.
    job_id: str | None = None
    queue: str | None = None
    defer_by: float | None = None
    #: Aware, in UTC.
    defer_until: datetime | None = None
    expires: float | None = None
    max_tries: int | None = None
    keep_result: float | None = None
    run_timeout: float | None = None


def job_options(
    *,
    job_id: str | None,
    queue: str | None,
    expires: Seconds | None,
    max_tries: int | None,
    keep_result: Seconds | None,
    run_timeout: Seconds | None,
    defer_by: Seconds | None = None,
    defer_until: datetime | None = None,
) -> Options:
    """Check the options of a call or an enqueue.

    Raises:
        InvalidOption: One has a wrong value, or both deferrals are given.
    """
    if defer_by is not None and defer_until is not None:
        raise InvalidOption("give _defer_by or _defer_until, not both")
    return Options(
        job_id=None if job_id is None else check_new_id(job_id),
        queue=queue,
        defer_by=seconds("_defer_by", defer_by),
        defer_until=_moment(defer_until),
        expires=seconds("_expires", expires),
        max_tries=_tries(max_tries),
        keep_result=seconds("_keep_result", keep_result),
        run_timeout=seconds("_run_timeout", run_timeout),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRequest:
    """Run `function` once with these arguments."""

    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    options: Options
    job_id: str
    #: Random mark of this request: tells its own replay from another's job of the same id.
    request_token: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def owns_id(self) -> bool:
        """True when the client made the id, so that an existing job of this id can only be this one."""
        return self.options.job_id is None


def job_request(
    function: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: Options
) -> JobRequest:
    """Put a request together; its id is the caller's, or 128 random bits in hex.

    Raises:
        InvalidOption: A name, an id, or a keyword that begins with `_` and is no option.
    """
    _check_function(function)
    check_keywords(kwargs, _OPTIONS)
    job_id = options.job_id or secrets.token_hex(16)
    return JobRequest(function=function, args=args, kwargs=kwargs, options=options, job_id=job_id)


def _check_function(function: object) -> None:
    """Refuse what cannot be a function's name; the gateway has stricter rules of its own."""
    if not isinstance(function, str) or not function:
        raise InvalidOption("the function is called by its name, a string that is not empty")


def check_new_id(job_id: object) -> str:
    """Return `job_id` if a new job may have it, else raise InvalidOption."""
    if isinstance(job_id, str) and JOB_ID.fullmatch(job_id):
        return job_id
    raise InvalidOption("the id of a new job must be 1 to 128 letters, digits and _ . ~ -, and not . or ..")


def check_job_id(job_id: object) -> str:
    """Return `job_id` if a job can have it, else raise InvalidOption: arq's producers take any text."""
    if isinstance(job_id, str) and job_id and quoted(job_id):
        return job_id
    raise InvalidOption("a job id must be a non-empty string")


def quoted(job_id: str) -> str:
    """Return a job's id as one segment of a URL's path; raises InvalidOption where it is no text."""
    try:
        return quote(job_id, safe="", errors="surrogateescape")
    except UnicodeEncodeError:
        raise InvalidOption("a job id must be a string that can be encoded as UTF-8") from None


def check_keywords(kwargs: Mapping[str, Any], options: Sequence[str]) -> None:
    """Refuse keywords that look like an option and are none: they must not become arguments of a job.

    Args:
        kwargs: What would be passed on to the function.
        options: Names of the options of that call.

    Raises:
        InvalidOption: One begins with `_`.
    """
    for name in kwargs:
        if name.startswith("_"):
            raise InvalidOption(
                f"{name!r} is not an option here: {_instead_of(name, options)} "
                "Arguments of a function cannot begin with '_'."
            )


def _instead_of(name: str, options: Sequence[str]) -> str:
    if name in options:  # so it is one of the other method
        return _OF_OTHERS.get(name, "this call does not take it.")
    near = get_close_matches(name, options, n=1)
    return f"did you mean {near[0]}?" if near else f"the options are {', '.join(options)}."


#: What to do with an option that one of `Client.call` and `Client.enqueue` has and the other has not.
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
        name: The option, for the error's text.
        value: Seconds or a timedelta; not negative, finite.

    Raises:
        InvalidOption: It is negative, not finite or no duration.
    """
    if value is None:
        return None
    number: object = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < float("inf"):
        return number
    raise InvalidOption(f"{name} is a number of seconds from 0 on, or a timedelta")


def waiting_time(name: str, value: Timeout, default: float | None) -> float | None:
    """Return how long to wait in seconds: `default` where nothing was given, None = for ever."""
    return default if isinstance(value, Default) else seconds(name, value)


def _moment(value: object) -> datetime | None:
    """Return a point in time in UTC, None for None; a naive one is local time, as in arq."""
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise InvalidOption("_defer_until is a datetime")
    return value.astimezone(UTC)


def _tries(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise InvalidOption("_max_tries is a whole number from 1 on")
