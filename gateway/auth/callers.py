"""Callers: who sends a request, by its API key, and what it may do.

Scopes: `enqueue:<function glob>`, `read` (own jobs), `read:*` (all jobs), `inspect` (arguments and
tracebacks), `abort`, `operate` (pause and resume queues, bulk operations, retry jobs of others), `metrics`.
Everything else is refused. Two keys with the same name are the same caller, so that a key can be replaced
without a gap.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Self

from jobgate.broker import CallerLimits
from jobgate.gateway.auth.key_entry import KeyEntry
from jobgate.gateway.http import Problem

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """The sender of a request, and what it may do."""

    #: Name of the key; None = no keys are in use.
    name: str | None = None
    scopes: frozenset[str] = frozenset()
    #: The function globs of its `enqueue:` scopes.
    functions: tuple[str, ...] = ()
    #: How many jobs it may enqueue; None = as many as it likes.
    limits: CallerLimits | None = None
    #: Most waits at the same time; None = the gateway's limit for a key.
    waits: int | None = None
    #: Largest request body in bytes; None = the gateway's limit.
    max_body: int | None = None
    #: When the key expires; None = never.
    not_after: datetime | None = None

    @classmethod
    def with_scopes(cls, name: str | None, scopes: Collection[str]) -> Self:
        """Return a caller with these scopes and no limits."""
        return cls(name=name, scopes=frozenset(scopes), functions=_globs(scopes))

    def require(self, scope: str) -> None:
        """Raise `Problem` 403 unless the caller has this scope. `read:*` includes `read`."""
        if self.name is None or scope in self.scopes or (scope == "read" and "read:*" in self.scopes):
            return
        raise Problem("forbidden", f"The key needs the scope {scope}.")

    def require_function(self, function: str) -> None:
        """Raise `Problem` 403 unless the caller may enqueue this function."""
        if not self.may_enqueue(function):
            raise Problem("forbidden", "The key needs a scope enqueue:… that matches this function.")

    def may_enqueue(self, function: str) -> bool:
        """Whether the caller may enqueue this function."""
        return self.name is None or any(fnmatchcase(function, glob) for glob in self.functions)

    def require_retry(self, function: str, owner: str | None) -> None:
        """Raise `Problem` 403 unless the caller may retry this job, which must exist for it (`reaches`).

        A retry of an own job is an enqueue of its function; that of any other needs `operate`.
        """
        if self.operates:
            return
        if owner != self.name:
            raise Problem(
                "forbidden", "The job is another caller's: to retry it, the key needs the scope operate."
            )
        self.require_function(function)

    @property
    def operates(self) -> bool:
        """Whether it may pause and resume queues, and retry and abort in bulk, whosever the jobs are."""
        return self.name is None or "operate" in self.scopes

    def reaches(self, owner: str | None) -> bool:
        """Whether a job with this owner exists for the caller where it retries, or aborts in bulk."""
        return self.operates or self.sees(owner)

    @property
    def inspects(self) -> bool:
        """Whether it may see arguments and tracebacks."""
        return self.name is None or "inspect" in self.scopes

    @property
    def only_owner(self) -> str | None:
        """The only owner whose jobs exist for the caller; None = all jobs exist for it."""
        return None if "read:*" in self.scopes else self.name

    def sees(self, owner: str | None) -> bool:
        """Whether a job with this owner exists for the caller."""
        return self.only_owner in (None, owner)


#: The caller of a gateway without keys: everything is allowed, jobs have no owner.
ANYBODY = Caller()


def find_caller(callers: Mapping[str, Caller], authorization: str | None) -> Caller:
    """Return the caller with this `Authorization` header; raises `Problem` 401."""
    scheme, _, key = (authorization or "").partition(" ")
    digest = hashlib.sha256(key.strip().encode("utf-8", "surrogateescape")).hexdigest()
    # The time that the look-up takes depends on the digest of a guess, and says nothing about a key.
    known = callers.get(digest)
    if known is None or scheme.lower() != "bearer" or not _is_valid(known):
        raise Problem(
            "unauthorized", "Send a valid key as Authorization: Bearer <key>.", headers=dict(_CHALLENGE)
        )
    return known


def _is_valid(caller: Caller) -> bool:
    return caller.not_after is None or datetime.now(UTC) < caller.not_after


def callers_of(entries: Iterable[KeyEntry]) -> dict[str, Caller]:
    """Return the callers of some entries by the SHA-256 of their key."""
    return {entry.sha256: _caller(entry) for entry in entries}


def _caller(entry: KeyEntry) -> Caller:
    return Caller(
        name=entry.name,
        scopes=frozenset(entry.allow),
        functions=_globs(entry.allow),
        limits=_limits(entry),
        waits=entry.waits,
        max_body=entry.max_body,
        not_after=entry.not_after,
    )


def _globs(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return the function globs of `enqueue:` scopes."""
    return tuple(scope.removeprefix("enqueue:") for scope in scopes if scope.startswith("enqueue:"))


def _limits(entry: KeyEntry) -> CallerLimits | None:
    if entry.rate is None and entry.pending is None:
        return None
    return CallerLimits(name=entry.name, rate=entry.rate, burst=entry.burst, pending=entry.pending)
