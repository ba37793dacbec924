"""An operation on many jobs, as it was ordered: what to do, to which jobs, and with whose rights."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from jobgate.broker import JobBody
from jobgate.gateway.auth import Caller
from jobgate.gateway.finding import JobFilter


class BulkKind(StrEnum):
    """What an operation does to each of its jobs."""

    RETRY = "retry"
    ABORT = "abort"

    @property
    def function(self) -> str:
        """The name under which its jobs are stored and shown."""
        return f"jobgate.bulk_{self.value}"

    @property
    def done(self) -> str:
        """What has been done to its jobs, in one word."""
        return _DONE[self]


_DONE: Final = {BulkKind.RETRY: "retried", BulkKind.ABORT: "aborted"}
_OF_FUNCTION: Final = {kind.function: kind for kind in BulkKind}


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkOrder:
    """One operation. It is stored as the arguments of its own job."""

    kind: BulkKind
    #: Ids of jobs; None = those of the filter.
    ids: Sequence[str] | None = None
    #: The members of the filter as text, and the filter.
    members: Mapping[str, str]
    wanted: JobFilter
    #: Most jobs that are retried or aborted.
    limit: int
    #: Who asked for it, with the scopes at that time.
    caller: Caller
    #: Most jobs that are retried in a second: the caller's own limit; None = no limit.
    rate: float | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The order as JSON can hold it."""
        jobs = {"filter": dict(self.members)} if self.ids is None else {"ids": list(self.ids)}
        caller = {"name": self.caller.name, "scopes": sorted(self.caller.scopes)}
        return {**jobs, "limit": self.limit, "caller": caller, "rate": self.rate}

    @classmethod
    def of_job(cls, body: JobBody, default_queue: str) -> Self:
        """Return the order that is stored as a job; raises ValueError if it is not one."""
        try:
            given = body.kwargs
            caller, members = given["caller"], given.get("filter", {})
            ids = given.get("ids")
            return cls(
                kind=_OF_FUNCTION[body.function],
                ids=None if ids is None else list(map(str, ids)),
                members=members,
                wanted=JobFilter.of(members, default_queue),
                limit=int(given["limit"]),
                caller=Caller.with_scopes(caller["name"], caller["scopes"]),
                rate=_rate(given.get("rate")),
            )
        except (AttributeError, KeyError, OverflowError, RecursionError, TypeError) as error:
            raise ValueError(f"It is not an operation of a gateway: {error!r}") from error

    @property
    def leaves_aborted(self) -> bool:
        """Whether jobs that somebody stopped stay so: they run again only if their ids or code are named."""
        return self.ids is None and self.wanted.code is None

    def touches(self, owner: str | None) -> bool:
        """Whether a job of this owner exists for the operation: own jobs do, with `operate` all."""
        return self.caller.operates or owner == self.caller.name

    @property
    def only_owner(self) -> str | None:
        """The only owner whose jobs exist for the operation; None = all."""
        return None if self.caller.operates else self.caller.name


def _rate(stored: Any) -> float | None:
    if stored is None:
        return None
    if not 0 < stored < math.inf:
        raise ValueError(f"Its rate is {stored!r}.")
    return float(stored)
