"""The entries of a keys file: what each may hold, reading them, and writing them.

The file is TOML. It holds no keys, only their SHA-256 digests; each key has at least 128 random bits:

```toml
[[key]]
name = "billing"
sha256 = "…"
allow = ["enqueue:send_*", "read", "abort"]
rate = 100
```
"""

import hashlib
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from jobgate.broker import did_you_mean
from jobgate.gateway.settings import KeysFileError

#: Highest rate, in jobs a second, and most jobs of `burst` and `pending`.
_MOST_JOBS: Final = 1_000_000
#: Largest `max_body`: it is read into memory in one piece.
_LARGEST_BODY: Final = 64 * 1024 * 1024

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SCOPE = re.compile(r"enqueue:[A-Za-z0-9_.:<>*?\[\]!-]{1,128}|read|read:\*|inspect|abort|operate|metrics")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyEntry:
    """One key, as the file describes it."""

    name: str
    #: SHA-256 of the key in hex.
    sha256: str
    #: The scopes.
    allow: tuple[str, ...]
    #: When the key expires; None = never.
    not_after: datetime | None = None
    #: Most jobs a second that the caller may enqueue; None = no limit.
    rate: float | None = None
    #: Most jobs at once before the rate applies; None = those of a second, at least one.
    burst: int | None = None
    #: Most jobs of the caller that have not finished; None = no limit.
    pending: int | None = None
    #: Most waits at the same time; None = the gateway's limit for a key.
    waits: int | None = None
    #: Largest request body in bytes; None = the gateway's limit.
    max_body: int | None = None

    @property
    def is_expired(self) -> bool:
        """Whether the key is no longer valid."""
        return self.not_after is not None and datetime.now(UTC) >= self.not_after

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by their names in the file."""
        return {name: value for name in LIMITS if (value := getattr(self, name)) is not None}

    @property
    def text(self) -> str:
        """The entry as it stands in a file."""
        allow = ", ".join(f'"{scope}"' for scope in self.allow)
        lines = ["[[key]]", f'name = "{self.name}"', f'sha256 = "{self.sha256}"', f"allow = [{allow}]"]
        lines += [f"{name} = {value!r}" for name, value in self.limits.items()]
        if self.not_after is not None:
            lines.append(f"not_after = {moment_text(self.not_after)}")
        return "\n".join(lines) + "\n"


#: The members of an entry that are limits.
LIMITS: Final = ("rate", "burst", "pending", "waits", "max_body")
_MEMBERS: Final = ("name", "sha256", "allow", "not_after", *LIMITS)


def moment_text(moment: datetime) -> str:
    """Return a moment as TOML and RFC 3339 write it, in UTC and whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def entries_of(text: str) -> list[KeyEntry]:
    """Return the entries of a keys file.

    Args:
        text: The content of the file.

    Raises:
        KeysFileError: It is not TOML, or an entry is wrong; the message does not name the file.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Errors of the parser, and of the text, numbers, dates and depth that it meets.
        raise KeysFileError(f"it is not TOML: {error}") from error
    entries = document.get("key", [])
    if set(document) - {"key"} or not isinstance(entries, list):
        raise KeysFileError("it may only contain [[key]] entries")
    for number, entry in enumerate(entries, 1):
        if wrong := _why_wrong(entry):
            raise KeysFileError(f"entry {number}: {wrong}")
    return [KeyEntry(**entry | {"allow": tuple(entry["allow"])}) for entry in entries]


def _why_wrong(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return "it must be a table, written below [[key]]"
    for member in entry:
        if member not in _MEMBERS:
            return f"it has an unknown member: {member}{did_you_mean(member, _MEMBERS)}"
    return next((wrong for check in _CHECKS if (wrong := check(entry))), None)


def _why_not_name(entry: Mapping[str, Any]) -> str | None:
    fits = _fits(_NAME, entry.get("name"))
    return None if fits else "name must be 1 to 64 letters, digits and _ . -"


def _why_not_digest(entry: Mapping[str, Any]) -> str | None:
    return None if _fits(_DIGEST, entry.get("sha256")) else "sha256 must be 64 hex digits in lower case"


def _why_not_scopes(entry: Mapping[str, Any]) -> str | None:
    allow = entry.get("allow")
    if isinstance(allow, list) and all(_fits(_SCOPE, scope) for scope in allow):
        return None
    return "allow must be a list of scopes such as enqueue:*, read, abort"


def _why_not_moment(entry: Mapping[str, Any]) -> str | None:
    moment = entry.get("not_after")
    if moment is None or (isinstance(moment, datetime) and moment.tzinfo is not None):
        return None
    return "not_after must be a date-time with an offset"


def _why_not_limits(entry: Mapping[str, Any]) -> str | None:
    for name, (whole, least, most) in _BOUNDS.items():
        value = entry.get(name)
        is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if value is not None and not (is_number and least <= value <= most):
            kind = "whole number" if whole else "number"
            return f"{name} must be a {kind} from {least:g} to {most}"
    if "burst" in entry and "rate" not in entry:
        return "burst needs a rate"
    return None


#: Name of a limit -> whether it must be a whole number, its least and its highest value.
_BOUNDS: Final[Mapping[str, tuple[bool, float, int]]] = {
    "rate": (False, 0.001, _MOST_JOBS),
    "burst": (True, 1, _MOST_JOBS),
    "pending": (True, 1, _MOST_JOBS),
    "waits": (True, 0, _MOST_JOBS),
    "max_body": (True, 1, _LARGEST_BODY),
}
_CHECKS: Final = (_why_not_name, _why_not_digest, _why_not_scopes, _why_not_moment, _why_not_limits)


def _fits(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def new_key(
    name: str,
    scopes: tuple[str, ...],
    *,
    not_after: datetime | None = None,
    limits: Mapping[str, float | None] = MappingProxyType({}),
) -> tuple[str, str]:
    """Return a new key of 256 random bits, and the text of its entry.

    Args:
        name: Name of the caller.
        scopes: What the caller may do.
        not_after: When the key expires; None = never.
        limits: The caller's limits by their names in the file; None = not set.

    Raises:
        KeysFileError: The name, a scope or a limit is not valid.
    """
    if wrong := [scope for scope in scopes if not _fits(_SCOPE, scope)]:
        raise KeysFileError(
            f"No such scope: {wrong[0]}. Use enqueue:<glob>, read, read:*, inspect, abort, operate, metrics."
        )
    members: dict[str, Any] = {"name": name, "not_after": not_after, **limits}
    given = {member: value for member, value in members.items() if value is not None}
    if reason := _why_not_name(given) or _why_not_limits(given):
        raise KeysFileError(f"The {reason}.")
    key = f"jg_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    return key, KeyEntry(**given | {"sha256": digest, "allow": scopes}).text


def renewed(entry: KeyEntry) -> tuple[str, str]:
    """Return a new key like that of an entry, and its text: the same scopes and limits, no expiry."""
    return new_key(entry.name, entry.allow, limits=entry.limits)


def same_rights(entries: list[KeyEntry]) -> bool:
    """Return whether all entries have the same scopes and limits."""
    rights = [{**asdict(one), "sha256": "", "not_after": None} for one in entries]
    return all(one == rights[0] for one in rights)
