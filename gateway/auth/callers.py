"""Callers: API keys, their scopes, and the entries of the keys file.

The file is TOML. It holds no keys, only their SHA-256 digests; each key has at least 128 random bits:

```toml
[[key]]
name = "billing"
sha256 = "…"
allow = ["enqueue:send_*", "read", "abort"]
```

Scopes: `enqueue:<function glob>`, `read` (own jobs), `read:*` (all jobs), `inspect` (arguments and
tracebacks), `abort`, `operate` (pause and resume queues, bulk operations, retry jobs of others), `metrics`.
Everything else is refused. Two keys with the same name are the same caller,
so that a key can be replaced without a gap.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from jobgate.gateway.http import Problem
from jobgate.gateway.settings import KeysFileError

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SCOPE = re.compile(r"enqueue:[A-Za-z0-9_.:<>*?\[\]!-]{1,128}|read|read:\*|inspect|abort|operate|metrics")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MEMBERS = {"name", "sha256", "allow", "not_after", "waits"}
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """The sender of a request, and what it may do."""

    #: Name of the key; None = no keys are in use.
    name: str | None = None
    scopes: frozenset[str] = frozenset()
    #: The function globs of its `enqueue:` scopes.
    functions: tuple[str, ...] = ()
    #: Most waits at the same time; None = the gateway's limit for a key.
    waits: int | None = None
    #: When the key expires; None = never.
    not_after: datetime | None = None

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


def callers_of(document: Mapping[str, Any]) -> dict[str, Caller]:
    """Return the callers in a keys file by the SHA-256 of their key.

    Args:
        document: The parsed file.

    Raises:
        KeysFileError: An entry is wrong; the message does not name the file.
    """
    entries = document.get("key", [])
    if set(document) - {"key"} or not isinstance(entries, list):
        raise KeysFileError("it may only contain [[key]] entries")
    for number, entry in enumerate(entries, 1):
        wrong = _why_wrong(entry)
        if wrong:
            raise KeysFileError(f"entry {number}: {wrong}")
    return dict(map(_caller, entries))


def _caller(entry: Mapping[str, Any]) -> tuple[str, Caller]:
    return entry["sha256"], Caller(
        name=entry["name"],
        scopes=frozenset(entry["allow"]),
        functions=tuple(s.removeprefix("enqueue:") for s in entry["allow"] if s.startswith("enqueue:")),
        waits=entry.get("waits"),
        not_after=entry.get("not_after"),
    )


def _why_wrong(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return "it must be a table, written below [[key]]"
    unknown = set(entry) - _MEMBERS
    if unknown:
        return f"it has unknown members: {', '.join(sorted(unknown))}"
    checks = (
        (_fits(_NAME, entry.get("name")), "name must be 1 to 64 letters, digits and _ . -"),
        (_fits(_DIGEST, entry.get("sha256")), "sha256 must be 64 hex digits in lower case"),
        (_are_scopes(entry.get("allow")), "allow must be a list of scopes such as enqueue:*, read, abort"),
        (_is_moment(entry.get("not_after")), "not_after must be a date-time with an offset"),
        (_is_count(entry.get("waits")), "waits must be a whole number, 0 or more"),
    )
    return next((message for holds, message in checks if not holds), None)


def _fits(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _are_scopes(value: Any) -> bool:
    return isinstance(value, list) and all(_fits(_SCOPE, scope) for scope in value)


def _is_moment(value: Any) -> bool:
    return value is None or (isinstance(value, datetime) and value.tzinfo is not None)


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def new_key(name: str, scopes: tuple[str, ...]) -> tuple[str, str]:
    """Return a new key of 256 random bits, and its entry for the keys file.

    Args:
        name: Name of the caller.
        scopes: What the caller may do.

    Raises:
        KeysFileError: The name or a scope is not valid.
    """
    if not _fits(_NAME, name):
        raise KeysFileError("The name of a key must be 1 to 64 letters, digits and _ . -.")
    wrong = [scope for scope in scopes if not _fits(_SCOPE, scope)]
    if wrong:
        raise KeysFileError(
            f"No such scope: {wrong[0]}. Use enqueue:<glob>, read, read:*, inspect, abort, operate, metrics."
        )
    key = f"jg_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    allow = ", ".join(f'"{scope}"' for scope in scopes)
    return key, f'[[key]]\nname = "{name}"\nsha256 = "{digest}"\nallow = [{allow}]\n'
