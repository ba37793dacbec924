"""The options of one job: one record, passed on from its request to the stored job and to its result.

A new option is one line in `JobOptions`. How it is stored, read and checked, and whether a request over HTTP
may set it, follows from that line.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Annotated, Any, Final, NamedTuple, get_type_hints


class OptionKind(Enum):
    """The kind of an option's values."""

    TEXT = auto()
    #: A duration as int or float.
    SECONDS = auto()
    #: A whole number, in a request from 1.
    COUNT = auto()
    #: True or absent.
    FLAG = auto()


class OptionForm(NamedTuple):
    """How one option is stored, and whether a request over HTTP may set it."""

    #: Its key in the stored job, under jobgate's own field.
    key: str
    kind: OptionKind
    #: Whether it is stored with the result, too.
    in_result: bool = False
    #: Whether it is a member of the JSON of `POST /jobs/{function}`, under its own name.
    in_http: bool = False
    #: Fewest seconds that such a request may give.
    least: float = 0


_TEXT, _SECONDS, _COUNT, _FLAG = OptionKind


#: The request token of a job whose id was generated.
MADE: Final = "made:"


class JobOptions(NamedTuple):
    """How a job is to be run; None = not given. Stored in this order.

    A new option stands before `owner`: the last bytes of a stored job show its owner and its request token
    without reading it, so only those two and flags may be there.

    One is made for each job: a tuple, because a frozen dataclass takes more than twice as long.
    """

    #: None: in a request the namespace's default queue; in a stored job, a stock arq producer wrote it. In a
    #: stored job "" is the namespace's default queue.
    queue: Annotated[str | None, OptionForm("q", _TEXT, in_http=True)] = None
    #: Run limit in seconds; None = the function's or the worker's.
    timeout: Annotated[float | None, OptionForm("to", _SECONDS, in_http=True, least=0.001)] = None
    #: Starts allowed; None = the function's or the worker's.
    max_tries: Annotated[int | None, OptionForm("mt", _COUNT, in_http=True)] = None
    #: Seconds to keep the result; 0 = not at all; None = the function's or the worker's.
    keep_result: Annotated[float | None, OptionForm("kr", _SECONDS, in_http=True)] = None
    #: The finished job that this one runs again; None = it is not a retry.
    retry_of: Annotated[str | None, OptionForm("ro", _TEXT, in_result=True)] = None
    #: Where the outcome is sent to at once, besides being stored; see `Answers`. Set by the broker.
    answer_to: Annotated[str | None, OptionForm("at", _TEXT)] = None
    #: Name of the caller's key, which decides who may read the job.
    owner: Annotated[str | None, OptionForm("o", _TEXT, in_result=True)] = None
    #: Mark of one enqueue call, by which a replay differs from a duplicate of the same ms; `MADE` if the id
    #: is random itself. Set by the broker.
    request_token: Annotated[str | None, OptionForm("rt", _TEXT, in_result=True)] = None
    #: Whether the caller waits: then it gets an outcome that is not kept, too.
    wants_outcome: Annotated[bool, OptionForm("wo", _FLAG)] = False
    #: Whether it counts among its owner's pending jobs until it ends.
    is_counted: Annotated[bool, OptionForm("pc", _FLAG)] = False

    def enqueued(
        self, queue: str, request_token: str, *, is_counted: bool = False, answer_to: str | None = None
    ) -> "JobOptions":
        """Return the options with the name of the queue and the mark of the enqueue call."""
        values: list[Any] = list(self)  # `_replace` takes three times as long
        values[_QUEUE], values[_REQUEST_TOKEN] = queue, request_token
        values[_IS_COUNTED], values[_ANSWER_TO] = is_counted, answer_to
        return tuple.__new__(JobOptions, values)


_QUEUE, _REQUEST_TOKEN, _IS_COUNTED, _ANSWER_TO = map(
    JobOptions._fields.index, ("queue", "request_token", "is_counted", "answer_to")
)
#: Those of a job that stock arq's producers wrote, and of requests that give none.
NO_OPTIONS: Final = JobOptions()


#: Name of each option -> its form, in the order of the fields.
OPTION_FORMS: Final[Mapping[str, OptionForm]] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(JobOptions, include_extras=True).items()
}
