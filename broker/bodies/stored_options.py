"""The options in a stored job or result, and the kinds of their values.

What most jobs have in common is not stored, because Redis holds very many of them: an empty dict means the
default queue and a generated id.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobgate.broker.errors import DecodeError
from jobgate.broker.job_options import MADE, NO_OPTIONS, OPTION_FORMS, JobOptions, OptionKind
from jobgate.broker.milliseconds import LONGEST


def option_fields(options: JobOptions) -> dict[str, Any]:
    """Return what is stored of the options of a job."""
    if options == _OURS:
        return {}
    values: Sequence[Any] = options
    return {
        key: value
        for key, value in zip(_JOB_KEYS, values, strict=True)
        if value is not None and value is not False and value not in _IMPLIED
    }


def text_of(name: str, value: object) -> str:
    """Return a text. Raises DecodeError if the value is of another kind."""
    if not isinstance(value, str):
        raise wrong_kind(name)
    return value


def seconds_of(name: str, value: object) -> float:
    """Return seconds. Raises DecodeError if the value is of another kind."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LONGEST:
        raise wrong_kind(name)  # the comparison refuses NaN too
    return value


def count_of(name: str, value: object) -> int:
    """Return a whole number. Raises DecodeError if the value is of another kind."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_kind(name)
    return value


def flag_of(_: str, value: object) -> bool:
    """Return whether a flag is set."""
    return bool(value)


def wrong_kind(name: str) -> DecodeError:
    """Return the error for a stored field that another program has written."""
    return DecodeError(f"Stored field {name!r} is of the wrong kind: something else wrote this key.")


#: How the values of an option are read: by their usual type as they are, else by the function.
_READS: dict[OptionKind, tuple[type | None, Callable[[str, object], Any]]] = {
    OptionKind.TEXT: (str, text_of),
    OptionKind.SECONDS: (None, seconds_of),
    OptionKind.COUNT: (int, count_of),
    OptionKind.FLAG: (bool, flag_of),
}
#: Place of an option in the record, its usual type, and how values of other types are read.
_Reading = tuple[int, type | None, Callable[[str, object], Any]]
#: What jobgate's own jobs have unless they say otherwise: the default queue, and a generated id.
_OURS = NO_OPTIONS._replace(queue="", request_token=MADE)
#: Values that are not stored, whichever option has them.
_IMPLIED = frozenset(["", MADE])
_RETRY_KEY = OPTION_FORMS["retry_of"].key
#: Keys of the options in a stored job, in the order of the record's fields.
_JOB_KEYS = tuple(form.key for form in OPTION_FORMS.values())
#: The options by their keys, in a job and in a result.
_IN_JOBS: dict[str, _Reading] = {
    form.key: (at, *_READS[form.kind]) for at, form in enumerate(OPTION_FORMS.values())
}
_IN_RESULTS: dict[str, _Reading] = {
    form.key: _IN_JOBS[form.key] for form in OPTION_FORMS.values() if form.in_result
}
_RESULT_KEYS = tuple((key, at) for key, (at, *_) in _IN_RESULTS.items())


def job_options(own: Mapping[str, Any], *, is_of_arq: bool) -> JobOptions:
    """Read the options of a job.

    Args:
        own: jobgate's own fields.
        is_of_arq: Whether there are none, because a stock arq producer wrote the job.
    """
    # A retry of a job of stock arq has no queue either.
    return _options(own, _IN_JOBS, NO_OPTIONS if is_of_arq or _RETRY_KEY in own else _OURS)


def result_options(own: Mapping[str, Any]) -> JobOptions:
    """Read the options that a result keeps among jobgate's own fields."""
    return _options(own, _IN_RESULTS, NO_OPTIONS)


def add_result_options(own: dict[str, Any], options: JobOptions) -> None:
    """Add what a result keeps of options to jobgate's own fields."""
    for key, at in _RESULT_KEYS:
        if (value := options[at]) is not None and value is not False:
            own[key] = value


def _options(own: Mapping[str, Any], known: Mapping[str, _Reading], defaults: JobOptions) -> JobOptions:
    """Read the options among jobgate's own fields. Values of the usual type need no call: it is faster."""
    if not own:
        return defaults
    values: list[Any] = list(defaults)
    for key in own:
        if key in known:
            at, usual, read = known[key]
            value = own[key]
            if type(value) is usual:
                values[at] = value
            elif value is not None:
                values[at] = read(key, value)
    return tuple.__new__(JobOptions, values)
