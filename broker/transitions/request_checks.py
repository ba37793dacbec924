"""What a request for a job must fulfil, whoever sends it."""

from collections.abc import Callable
from typing import Any

from jobgate.broker.errors import InvalidJobRequest
from jobgate.broker.job_options import OPTION_FORMS, OptionKind
from jobgate.broker.records import JobRequest


def check_request(request: JobRequest) -> None:
    """Raise InvalidJobRequest if a request contradicts itself or a value is out of range."""
    if not request.function:
        raise InvalidJobRequest("The function has no name: name one that a worker offers.")
    if request.defer_by is not None and request.defer_until_ms is not None:
        raise InvalidJobRequest("Both defer_by and defer_until are given: give one of them.")
    options = request.options
    for name, text in (("job_id", request.job_id), ("queue", options.queue)):
        if text and not text.isascii():
            _check_text(name, text)
    if request.defer_by is not None:
        _check_seconds("defer_by", request.defer_by)
    if request.expires is not None:
        _check_seconds("expires", request.expires)
    if request.first_try is not None:
        _check_count("first_try", request.first_try)
    for at, name, check in _OPTION_CHECKS:
        if options[at] is not None:
            check(name, options[at])


def _check_text(name: str, text: str) -> None:
    """Raise InvalidJobRequest for text that cannot be encoded: it would fail its whole batch."""
    try:
        text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise InvalidJobRequest(
            f"{name} contains a lone surrogate: give text that can be encoded as UTF-8."
        ) from None


def _check_seconds(name: str, seconds: float) -> None:
    if not 0 <= seconds <= _LONGEST:
        raise InvalidJobRequest(f"{name} is {seconds!r}: give seconds between 0 and {_LONGEST}.")


def _check_count(name: str, number: int) -> None:
    if not 1 <= number <= _MOST_TRIES:
        raise InvalidJobRequest(f"{name} is {number!r}: give a number from 1 to {_MOST_TRIES}.")


_CHECKS: dict[OptionKind, Callable[[str, Any], None]] = {
    OptionKind.SECONDS: _check_seconds,
    OptionKind.COUNT: _check_count,
}
#: The options that are numbers: place in the record, name and check.
_OPTION_CHECKS = tuple(
    (at, name, _CHECKS[form.kind])
    for at, (name, form) in enumerate(OPTION_FORMS.items())
    if form.kind in _CHECKS
)
#: The longest duration that is accepted, in seconds: a hundred years.
_LONGEST = 3_155_760_000
#: The largest number of tries that is accepted: a higher count counts as damaged (claim.lua).
_MOST_TRIES = 1_000_000_000
